"""What people ask who want to know why: the bundles of a session, and the agents of the grid."""

from datetime import timedelta

import msgspec

from htcgrid.errors import ConfigError
from htcgrid.interfaces import BEGINNING, Agents, Bundles, Submitted
from htcgrid.model import AgentReport, AgentStatus, SessionId
from htcgrid_redis.access import Access, not_found
from htcgrid_redis.records import bundle_of, bundle_status, encode

_decode = msgspec.msgpack.Decoder(AgentReport).decode


def bundles(access: Access, session: SessionId, cursor: str, *, limit: int, task: int | None) -> Bundles:
    """Return a page of a session's open bundles, or the one that holds a task. Costs 1 request.

    Raises:
        SessionNotFoundError: there is no such session.
    """
    start, _, _ = (cursor or "0").partition("/")
    if not (start.isascii() and start.isdigit()):
        raise ConfigError(f"{cursor!r} is not a cursor of this grid's bundles; start with {BEGINNING!r}")
    places = access.layout.shard(session).session(session)
    answer = access.server.call(
        "bundles",
        [places.header, places.bundles, places.open, places.roots],
        access.now,
        start,
        cursor,
        limit + 1,
        "" if task is None else task,
    )
    if answer is None:
        raise not_found(session)
    now, rows = answer
    page = [bundle_status(session, field, record, now) for field, record in zip(rows[::2], rows[1::2], strict=True)]
    if task is not None:
        return Bundles(page, None)
    more = len(page) > limit
    return Bundles(page[:limit], rows[2 * (limit - 1)].decode() if more else None)


def submitted(access: Access, session: SessionId, cursor: str, limit: int) -> Submitted:
    """Return a page of a session's bundles as they were submitted. Costs 1 request.

    Raises:
        SessionNotFoundError: there is no such session.
    """
    if cursor and not (cursor.isascii() and cursor.isdigit()):
        raise ConfigError(f"{cursor!r} is not a cursor of this grid's bundles; start with {BEGINNING!r}")
    places = access.layout.shard(session).session(session)
    keys = [places.header, places.inputs, places.roots]
    rows = access.server.call("submitted", keys, cursor or "-1", limit + 1)
    if rows is None:
        raise not_found(session)
    found = [bundle_of(session, root, pack) for root, pack in zip(rows[::2], rows[1::2], strict=True)]
    return Submitted(found[:limit], str(found[limit - 1].key.start) if len(found) > limit else None)


def register(access: Access, report: AgentReport) -> None:
    """Remember an agent's report, and forget agents that have been silent for long. Costs 1 request."""
    access.server.call("register", access.layout.agents, access.now, report.id, report.pool, encode(report))


def agents(access: Access, cursor: str, limit: int, pool: str | None) -> Agents:
    """Return a page of agents, those heard of last first. Costs 1 request."""
    at, _, after = cursor.partition("/")
    if cursor and not (at.isascii() and at.isdigit() and after):
        raise ConfigError(f"{cursor!r} is not a cursor of this grid's agents; start with {BEGINNING!r}")
    arguments = (access.now, at, after, limit + 1, pool or "")
    now, rows = access.server.call("agents", access.layout.agents, *arguments)
    found = list(zip(rows[::3], rows[1::3], rows[2::3], strict=True))
    page = [
        AgentStatus(report=_decode(report), silent=timedelta(milliseconds=max(0, now - int(heard))))
        for _, heard, report in found[:limit]
    ]
    more = len(found) > limit
    return Agents(page, f"{found[limit - 1][1].decode()}/{found[limit - 1][0].decode()}" if more else None)
