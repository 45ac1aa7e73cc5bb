"""What people ask who want to know why: the bundles of a session, and the agents of the grid."""

from datetime import timedelta

from htcgrid.errors import ConfigError, UnreadableError
from htcgrid.interfaces import BEGINNING, Agents, Bundles, Submitted
from htcgrid.model import AgentReport, AgentStatus, SessionId
from htcgrid.model.decoding import Decoder
from htcgrid.model.report import check_report
from htcgrid.model.spelled import spelled
from htcgrid_redis.access import Access, not_found, text_of, unreadable
from htcgrid_redis.records import bundle_of, bundle_status, encode

_decode: Decoder[AgentReport] = Decoder(AgentReport, "the report of agent", check=check_report)
#: Most of what was put down in one shard that is told of.
_TOLD = 1000


def bundles(access: Access, session: SessionId, cursor: str, *, limit: int, task: int | None) -> Bundles:
    """Return a page of a session's open bundles, or the one that holds a task. Costs 1 request.

    Raises:
        SessionNotFoundError: there is no such session.
    """
    start, _, _ = (cursor or "0").partition("/")
    if not (start.isascii() and start.isdigit()):
        raise ConfigError(f"{spelled(cursor)} is not a cursor of this grid's bundles; start with {BEGINNING!r}")
    places = access.layout.shard(session).session(session)
    answer = access.server.call(
        "bundles",
        [places.header, places.bundles, places.open, places.roots],
        access.now,
        start,
        cursor.encode("utf-8", "surrogateescape"),
        limit + 1,
        "" if task is None else task,
    )
    _check(session, answer)
    now, rows = answer
    found = list(zip(rows[::2], rows[1::2], strict=True))
    page, left_out = access.met.page(lambda row: bundle_status(session, *row, now), found[:limit])
    if task is not None:
        return Bundles([bundle for bundle in page if task in bundle.open], None, left_out)
    told = {error.where for error in left_out}
    left_out += [error for error in put_down(access, session) if not cursor and error.where not in told]
    more = len(found) > limit
    return Bundles(page, rows[2 * (limit - 1)].decode("utf-8", "surrogateescape") if more else None, left_out)


def submitted(access: Access, session: SessionId, cursor: str, limit: int) -> Submitted:
    """Return a page of a session's bundles as they were submitted. Costs 1 request.

    Raises:
        SessionNotFoundError: there is no such session.
    """
    if cursor and not (cursor.isascii() and cursor.isdigit()):
        raise ConfigError(f"{spelled(cursor)} is not a cursor of this grid's bundles; start with {BEGINNING!r}")
    places = access.layout.shard(session).session(session)
    keys = [places.header, places.inputs, places.roots]
    rows = access.server.call("submitted", keys, cursor or "-1", limit + 1)
    _check(session, rows)
    found = [bundle_of(session, root, pack) for root, pack in zip(rows[::2], rows[1::2], strict=True)]
    return Submitted(found[:limit], str(found[limit - 1].key.start) if len(found) > limit else None)


def register(access: Access, report: AgentReport) -> None:
    """Remember an agent's report, and forget agents that have been silent for long. Costs 1 request."""
    access.server.call("register", access.layout.agents, access.now, report.id, report.pool, encode(report))


def agents(access: Access, cursor: str, limit: int, pool: str | None) -> Agents:
    """Return a page of agents, those heard of last first. Costs 1 request."""
    at, _, after = cursor.partition("/")
    if cursor and not (at.isascii() and at.isdigit() and after):
        raise ConfigError(f"{spelled(cursor)} is not a cursor of this grid's agents; start with {BEGINNING!r}")
    arguments = (access.now, at, after.encode("utf-8", "surrogateescape"), limit + 1, pool or "")
    now, rows = access.server.call("agents", access.layout.agents, *arguments)
    found = list(zip(rows[::3], rows[1::3], rows[2::3], strict=True))
    page, left_out = access.met.page(lambda row: _agent(now, *row), found[:limit])
    if len(found) <= limit:
        return Agents(page, None, left_out)
    name, heard, _ = found[limit - 1]
    return Agents(page, f"{heard.decode()}/{name.decode('utf-8', 'surrogateescape')}", left_out)


def _agent(now: int, name: bytes, heard: bytes, report: bytes) -> AgentStatus:
    agent = text_of(name, "the name of an agent")
    silent = timedelta(milliseconds=max(0, now - int(heard)))
    return AgentStatus(report=_decode(report, agent), silent=silent)


def put_down(access: Access, session: SessionId | None = None) -> list[UnreadableError]:
    """Return what was put down since it cannot be read, of one session or of all; of very many, some.

    Costs 1 request, or 1 per shard.
    """
    shards = access.layout.shards if session is None else [access.layout.shard(session)]
    found: list[UnreadableError] = []
    for _, rows in access.server.commands([("HSCAN", shard.damaged, 0, "COUNT", _TOLD) for shard in shards]):
        pairs = rows.items() if isinstance(rows, dict) else zip(rows[::2], rows[1::2], strict=True)
        for name, told in pairs:
            where = name.decode("utf-8", "replace")
            if session is None or where.partition("/")[0] == session:
                kind, _, why = told.decode("utf-8", "replace").partition("/")[2].partition("\n")
                found.append(UnreadableError(kind, where, why or "it is damaged"))
    return found


def _check(session: SessionId, answer: object) -> None:
    """Raise for a session that is not there, or cannot be read."""
    if answer is None:
        raise not_found(session)
    if answer == b"damaged":
        raise unreadable(session)
