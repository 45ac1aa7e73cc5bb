"""What people ask who want to know why: the bundles of a session, and the agents of the grid."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial

import msgspec

from htcgrid.errors import ConfigError
from htcgrid.interfaces import BEGINNING, Agents, Bundles, Submitted
from htcgrid.local.damage import known
from htcgrid.local.record import read_open, read_tries
from htcgrid.local.schema import BundleRow, SessionRow
from htcgrid.local.submissions import not_found
from htcgrid.model import AgentId, AgentReport, AgentStatus, Bundle, BundleKey, BundleStatus, Pack, SessionId, defaults
from htcgrid.model.decoding import Count, Decoder, Row, Seconds, number_of
from htcgrid.model.report import check_report
from htcgrid.model.spelled import spelled
from htcgrid.unreadables import Unreadables

Columns = Sequence[object]

_encode = msgspec.msgpack.Encoder().encode
_decode: Decoder[AgentReport] = Decoder(AgentReport, "the report of agent", check=check_report)

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


class _Bundle(msgspec.Struct, array_like=True):
    """What is read of a bundle, in its order."""

    start: Count
    birth: str
    stop: Count
    state: BundleRow
    due: Seconds
    attempt: Count
    agent: str | None
    lapses: Count
    lapses_alone: Count
    open: bytes | None
    tries: bytes | None


class _Submitted(msgspec.Struct, array_like=True):
    """What is read of a bundle as it was submitted, in its order."""

    start: Count
    stop: Count
    digest: str
    size: Count
    key: str | None
    data: bytes | None


class _Agent(msgspec.Struct, array_like=True):
    """What is read of an agent, in its order."""

    id: str
    heard: Seconds
    report: bytes


_bundle_row = Row(_Bundle, "bundle")
_submitted_row = Row(_Submitted, "submitted bundle")
_agent_row = Row(_Agent, "agent")


def bundles(
    connection: sqlite3.Connection,
    session_id: SessionId,
    cursor: str,
    *,
    limit: int,
    task: int | None,
    now: float,
    met: Unreadables,
) -> Bundles:
    """Return a page of a session's open bundles, or the one that holds a task.

    Raises:
        SessionNotFoundError: there is no such session.
    """
    session, state = _session(connection, session_id)
    if state >= SessionRow.CANCELLED:
        return Bundles([], None)
    read = partial(_bundle, session_id, now)
    if task is not None:
        found, left_out = met.page(read, _family(connection, session, task))
        return Bundles([bundle for bundle in found if task in bundle.open], None, left_out)
    rows = connection.execute(_PAGE, (session, *_bundle_position(cursor), limit + 1)).fetchall()
    page, left_out = met.page(read, rows[:limit])
    if cursor == BEGINNING:
        # What is damaged elsewhere than in its row, as in its payloads, was found by whoever claimed it.
        left_out += [
            error for error in known(connection, session) if error.where not in {one.where for one in left_out}
        ]
    return Bundles(page, f"{rows[limit - 1][0]}/{rows[limit - 1][1]}" if len(rows) > limit else None, left_out)


def submitted(connection: sqlite3.Connection, session_id: SessionId, cursor: str, limit: int) -> Submitted:
    """Return a page of a session's bundles as they were submitted.

    Raises:
        SessionNotFoundError: there is no such session.
        UnreadableError: one of them cannot be read.
    """
    session, _ = _session(connection, session_id)
    after, _ = _bundle_position(cursor)
    rows = connection.execute(_SUBMITTED, (session, after, limit + 1)).fetchall()
    page = []
    for columns in rows[:limit]:
        row = _submitted_row(columns, f"{session_id}/{columns[0]}")
        pack = Pack(digest=row.digest, size=row.size, key=row.key, data=row.data)
        page.append(Bundle(key=BundleKey(session_id, row.start), stop=row.stop, input=pack))
    return Submitted(page, f"{page[-1].key.start}/" if len(rows) > limit else None)


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


def agents(
    connection: sqlite3.Connection, cursor: str, limit: int, pool: str | None, *, now: float, met: Unreadables
) -> Agents:
    """Return a page of agents, those heard of last first."""
    statement = _AGENTS.format("" if pool is None else "AND pool = ?")
    since = now - defaults.REMEMBER.total_seconds()
    values = (since, *_agent_position(cursor), *(() if pool is None else (pool,)), limit + 1)
    rows = connection.execute(statement, values).fetchall()
    page, left_out = met.page(partial(_agent, now), rows[:limit])
    return Agents(page, f"{rows[limit - 1][1]!r}/{rows[limit - 1][0]}" if len(rows) > limit else None, left_out)


def _agent(now: float, columns: Columns) -> AgentStatus:
    row = _agent_row(columns, columns[0])
    return AgentStatus(report=_decode(row.report, row.id), silent=timedelta(seconds=max(0.0, now - row.heard)))


def _family(connection: sqlite3.Connection, session: int, task: int) -> Iterable[Columns]:
    row = connection.execute(_ROOT, (session, task)).fetchone()
    return connection.execute(_FAMILY, (session, row[0], task, row[0], task)) if row else ()


def _bundle(session: SessionId, now: float, columns: Columns) -> BundleStatus:
    row = _bundle_row(columns, f"{session}/{columns[0]}/{columns[1]}")
    key = BundleKey(session, row.start, row.birth)
    running = row.state == BundleRow.RUNNING
    return BundleStatus(
        key=key,
        open=read_open(key, row.stop, row.open),
        agent=AgentId(row.agent or "") if running else None,
        attempt=row.attempt,
        lapses=row.lapses,
        lapses_alone=row.lapses_alone,
        tries=read_tries(key, row.tries),
        delay=timedelta(seconds=0.0 if running else max(0.0, row.due - now)),
    )


def _bundle_position(cursor: str) -> tuple[int, str]:
    if cursor == BEGINNING:
        return -1, ""
    start, _, birth = cursor.partition("/")
    found = number_of(start)
    if found is None:
        raise ConfigError(f"{spelled(cursor)} is not a cursor of this grid's bundles; start with {BEGINNING!r}")
    return found, birth


def _agent_position(cursor: str) -> tuple[float, str]:
    if cursor == BEGINNING:
        return float("inf"), ""
    heard, _, agent = cursor.partition("/")
    try:
        return float(heard), agent
    except ValueError as error:
        raise ConfigError(
            f"{spelled(cursor)} is not a cursor of this grid's agents; start with {BEGINNING!r}"
        ) from error
