"""What people ask who want to know why: the bundles of a session, and the agents of the grid."""

import sqlite3
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec

from htcgrid.errors import ConfigError
from htcgrid.interfaces import BEGINNING, Agents, Bundles, Submitted
from htcgrid.local.record import read_open, read_tries
from htcgrid.local.schema import BundleRow, SessionRow
from htcgrid.local.submissions import not_found
from htcgrid.model import AgentId, AgentReport, AgentStatus, Bundle, BundleKey, BundleStatus, Pack, SessionId, defaults

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AgentReport).decode

_SESSION = "SELECT id, state FROM sessions WHERE sid = ? AND state < 3"
_COLUMNS = "SELECT start, birth, stop, state, due, attempt, agent, lapses, lapses_alone, open, tries FROM bundles "
_PAGE = _COLUMNS + "WHERE session = ? AND (start, birth) > (?, ?) ORDER BY start, birth LIMIT ?"
#: The children of a submitted bundle start within it, so only those of one are looked through.
_ROOT = "SELECT start FROM submitted WHERE session = ? AND start <= ? ORDER BY start DESC LIMIT 1"
_FAMILY = _COLUMNS + "WHERE session = ? AND start BETWEEN ? AND ? AND root = ? AND stop > ?"

_SUBMITTED = """
SELECT start, stop, digest, size, key, data FROM submitted WHERE session = ? AND start > ? ORDER BY start LIMIT ?
"""

_REGISTER = """
INSERT INTO agents (id, pool, heard, report) VALUES (?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET pool = excluded.pool, heard = excluded.heard, report = excluded.report
"""
_FORGET = "DELETE FROM agents WHERE id IN (SELECT id FROM agents WHERE heard <= ? ORDER BY heard LIMIT 100)"
_AGENTS = """
SELECT id, heard, report FROM agents WHERE heard > ? AND (heard, id) < (?, ?) {} ORDER BY heard DESC, id DESC LIMIT ?
"""


def bundles(
    connection: sqlite3.Connection, session_id: SessionId, cursor: str, *, limit: int, task: int | None, now: float
) -> Bundles:
    """Return a page of a session's open bundles, or the one that holds a task.

    Raises:
        SessionNotFoundError: there is no such session.
    """
    session, state = _session(connection, session_id)
    if state >= SessionRow.CANCELLED:
        return Bundles([], None)
    if task is not None:
        found = _read(_family(connection, session, task), session_id, now)
        return Bundles([bundle for bundle in found if task in bundle.open], None)
    rows = connection.execute(_PAGE, (session, *_bundle_position(cursor), limit + 1)).fetchall()
    page = _read(rows[:limit], session_id, now)
    return Bundles(page, f"{page[-1].key.start}/{page[-1].key.birth}" if page and len(rows) > limit else None)


def submitted(connection: sqlite3.Connection, session_id: SessionId, cursor: str, limit: int) -> Submitted:
    """Return a page of a session's bundles as they were submitted.

    Raises:
        SessionNotFoundError: there is no such session.
    """
    session, _ = _session(connection, session_id)
    after, _ = _bundle_position(cursor)
    rows = connection.execute(_SUBMITTED, (session, after, limit + 1)).fetchall()
    page = [
        Bundle(key=BundleKey(session_id, start), stop=stop, input=Pack(digest=digest, size=size, key=key, data=data))
        for start, stop, digest, size, key, data in rows[:limit]
    ]
    return Submitted(page, f"{page[-1].key.start}/" if page and len(rows) > limit else None)


def _session(connection: sqlite3.Connection, session_id: SessionId) -> tuple[int, int]:
    """Return the number and the state of a session."""
    row: tuple[int, int] | None = connection.execute(_SESSION, (session_id,)).fetchone()
    if row is None:
        raise not_found(session_id)
    return row


def register(connection: sqlite3.Connection, report: AgentReport, now: float) -> None:
    """Remember a report, and forget agents that have been silent for long."""
    connection.execute(_REGISTER, (report.id, report.pool, now, _encode(report)))
    connection.execute(_FORGET, (now - defaults.REMEMBER.total_seconds(),))


def agents(connection: sqlite3.Connection, cursor: str, limit: int, pool: str | None, now: float) -> Agents:
    """Return a page of agents, those heard of last first."""
    statement = _AGENTS.format("" if pool is None else "AND pool = ?")
    since = now - defaults.REMEMBER.total_seconds()
    values = (since, *_agent_position(cursor), *(() if pool is None else (pool,)), limit + 1)
    rows = connection.execute(statement, values).fetchall()
    page = [
        AgentStatus(report=_decode(report), silent=timedelta(seconds=max(0.0, now - heard)))
        for _, heard, report in rows[:limit]
    ]
    more = page and len(rows) > limit
    return Agents(page, f"{rows[limit - 1][1]!r}/{rows[limit - 1][0]}" if more else None)


def _family(connection: sqlite3.Connection, session: int, task: int) -> Iterable[tuple[Any, ...]]:
    row = connection.execute(_ROOT, (session, task)).fetchone()
    return connection.execute(_FAMILY, (session, row[0], task, row[0], task)) if row else ()


def _read(rows: Iterable[tuple[Any, ...]], session: SessionId, now: float) -> list[BundleStatus]:
    return [
        BundleStatus(
            key=BundleKey(session, start, birth),
            open=read_open(start, stop, spans),
            agent=AgentId(agent) if state == BundleRow.RUNNING else None,
            attempt=attempt,
            lapses=lapses,
            lapses_alone=alone,
            tries=read_tries(tries),
            delay=timedelta(seconds=0.0 if state == BundleRow.RUNNING else max(0.0, due - now)),
        )
        for start, birth, stop, state, due, attempt, agent, lapses, alone, spans, tries in rows
    ]


def _bundle_position(cursor: str) -> tuple[int, str]:
    if cursor == BEGINNING:
        return -1, ""
    start, _, birth = cursor.partition("/")
    if not (start.isascii() and start.isdigit()):
        raise ConfigError(f"{cursor!r} is not a cursor of this grid's bundles; start with {BEGINNING!r}")
    return int(start), birth


def _agent_position(cursor: str) -> tuple[float, str]:
    if cursor == BEGINNING:
        return float("inf"), ""
    heard, _, agent = cursor.partition("/")
    try:
        return float(heard), agent
    except ValueError as error:
        raise ConfigError(f"{cursor!r} is not a cursor of this grid's agents; start with {BEGINNING!r}") from error
