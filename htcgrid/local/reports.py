"""What readers learn: how far sessions are, and the entries of their logs."""

import sqlite3
from collections.abc import Sequence
from itertools import chain

import msgspec

from htcgrid.errors import ConfigError, UnreadableError
from htcgrid.interfaces import BEGINNING, Entries, Sessions
from htcgrid.local.schema import SessionRow
from htcgrid.local.submissions import not_found
from htcgrid.model import Entry, SessionId, SessionState, SessionStatus
from htcgrid.model.decoding import Count, Decoder, Row, number_of, unreadable
from htcgrid.model.header import DecodeSession
from htcgrid.model.spelled import spelled
from htcgrid.unreadables import Unreadables

_decode_entry: Decoder[Entry] = Decoder(Entry, "entry")

#: A page of entries ends after about this many bytes.
_PAGE_BYTES = 8 << 20
_STATES = {
    SessionRow.OPEN: SessionState.OPEN,
    SessionRow.SEALED: SessionState.SEALED,
    SessionRow.CANCELLED: SessionState.CANCELLED,
}

_STATUS = """
SELECT s.sid, s.header, s.state, s.total, s.succeeded, s.failed, s.cancelled,
    CASE WHEN s.state < 2 THEN (
        SELECT coalesce(sum(tasks), 0) FROM bundles b INDEXED BY bundles_running WHERE b.state = 1 AND b.session = s.id
    ) ELSE 0 END, s.created, s.id
FROM sessions s
"""
_ONE = _STATUS + "WHERE s.sid = ? AND s.state < 3"
_PAGE = _STATUS + "WHERE s.state < 3 AND (s.created, s.id) < (?, ?) ORDER BY s.created DESC, s.id DESC LIMIT ?"
#: In one statement, which sees one moment: an entry that came later may be of tasks that the session had not before.
_ENTRIES = """
SELECT s.state, s.total, s.succeeded + s.failed, s.entries, l.n, l.entry
FROM sessions s LEFT JOIN log l ON l.session = s.id AND l.n > ?
WHERE s.sid = ? AND s.state < 3 ORDER BY l.n LIMIT ?
"""


class _Status(msgspec.Struct, array_like=True):
    """What is read of a session, in its order."""

    sid: str
    header: bytes
    state: SessionRow
    total: Count
    succeeded: Count
    failed: Count
    cancelled: Count
    running: Count


class _Log(msgspec.Struct, array_like=True):
    """What is read of a session whose log is read, in its order."""

    state: SessionRow
    total: Count
    ended: Count
    entries: Count


_status_row = Row(_Status, "session")
_log_row = Row(_Log, "session")


class Look(msgspec.Struct, frozen=True):
    """One look into a session's log."""

    found: Entries
    #: Whether nothing will ever come after what was found.
    last: bool


def status(connection: sqlite3.Connection, session_id: SessionId, decode: DecodeSession) -> SessionStatus:
    """Return how far a session is.

    Raises:
        SessionNotFoundError: there is no such session.
        UnreadableError: it cannot be read.
    """
    columns = connection.execute(_ONE, (session_id,)).fetchone()
    if columns is None:
        raise not_found(session_id)
    return _status(columns, decode)


def sessions(
    connection: sqlite3.Connection, cursor: str, limit: int, decode: DecodeSession, met: Unreadables
) -> Sessions:
    """Return a page of sessions, newest first."""
    rows = connection.execute(_PAGE, (*_position(cursor), limit + 1)).fetchall()
    page, left_out = met.page(lambda columns: _status(columns, decode), rows[:limit])
    *_, created, number = rows[limit - 1] if len(rows) > limit else (0, 0)
    return Sessions(page, f"{created!r}:{number}" if len(rows) > limit else None, left_out)


def look(connection: sqlite3.Connection, session_id: SessionId, cursor: str, limit: int) -> Look:
    """Return entries behind a cursor.

    Raises:
        SessionNotFoundError: there is no such session.
        UnreadableError: the session, or its next entry, cannot be read.
    """
    entries: list[Entry] = []
    position = _number(cursor)
    size = 0
    rows = connection.execute(_ENTRIES, (position, session_id, limit))
    first = rows.fetchone()
    if first is None:
        raise not_found(session_id)
    log = _log_row(first[:4], session_id)
    for *_, number, data in chain([first], rows):
        if number is None:
            # There is none behind the cursor.
            break
        try:
            if number != position + 1:
                raise unreadable(
                    _decode_entry.what, f"{position + 1} of session {session_id}", ValueError("it is gone")
                )
            entries.append(_entry(session_id, number, data, log.total))
        except UnreadableError:
            if not entries:
                raise
            # What stands before it is told first.
            break
        position = number
        size += len(data)
        if size >= _PAGE_BYTES:
            break
    closed = log.state == SessionRow.CANCELLED and position >= log.entries
    finished = log.state == SessionRow.SEALED and log.ended == log.total and position >= log.entries
    return Look(Entries(entries, str(position) if position else BEGINNING, closed), closed or finished)


def _entry(session: SessionId, number: object, data: object, total: int) -> Entry:
    where = f"{number} of session {session}"
    entry = _decode_entry(data, where)
    if entry.committed.tzinfo is None:
        raise unreadable(_decode_entry.what, where, ValueError("the time of its commit has no time zone"))
    for part in entry.parts:
        if part.key.session != session:
            raise unreadable(_decode_entry.what, where, ValueError(f"it is of session {part.key.session!r}"))
        for tasks in (part.succeeded, part.failed):
            position = 0
            for start, stop in tasks.spans:
                if not position <= start < stop <= total:
                    problem = ValueError(f"tasks {start} to {stop} are not between {position} and {total}")
                    raise unreadable(_decode_entry.what, where, problem)
                position = stop
    return entry


def _status(columns: Sequence[object], decode: DecodeSession) -> SessionStatus:
    row = _status_row(columns[:-2], columns[0])
    return SessionStatus(
        session=decode(row.header, SessionId(row.sid)),
        state=_STATES[row.state],
        total=row.total,
        succeeded=row.succeeded,
        failed=row.failed,
        cancelled=row.cancelled,
        running=row.running,
    )


def _number(cursor: str) -> int:
    if cursor == BEGINNING:
        return 0
    found = number_of(cursor)
    if found is None:
        raise ConfigError(f"{spelled(cursor)} is not a cursor of this grid's outcomes; start with {BEGINNING!r}")
    return found


def _position(cursor: str) -> tuple[float, int]:
    if cursor == BEGINNING:
        return float("inf"), 0
    created, _, identity = cursor.partition(":")
    found = number_of(identity)
    try:
        if found is not None:
            return float(created), found
    except ValueError:
        pass
    raise ConfigError(f"{spelled(cursor)} is not a cursor of this grid's sessions; start with {BEGINNING!r}")
