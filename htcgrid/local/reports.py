"""What readers learn: how far sessions are, and the entries of their logs."""

import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec

from htcgrid.errors import ConfigError
from htcgrid.interfaces import BEGINNING, Entries, Sessions
from htcgrid.local.schema import SessionRow
from htcgrid.local.submissions import not_found
from htcgrid.model import Entry, Session, SessionId, SessionState, SessionStatus

_decode_entry = msgspec.msgpack.Decoder(Entry).decode

#: A page of entries ends after about this many bytes.
_PAGE_BYTES = 8 << 20
_STATES = {
    SessionRow.OPEN: SessionState.OPEN,
    SessionRow.SEALED: SessionState.SEALED,
    SessionRow.CANCELLED: SessionState.CANCELLED,
}

_STATUS = """
SELECT s.id, s.created, s.header, s.state, s.total, s.succeeded, s.failed, s.cancelled,
    CASE WHEN s.state < 2 THEN (
        SELECT coalesce(sum(tasks), 0) FROM bundles b INDEXED BY bundles_running WHERE b.state = 1 AND b.session = s.id
    ) ELSE 0 END
FROM sessions s
"""
_ONE = _STATUS + "WHERE s.sid = ? AND s.state < 3"
_PAGE = _STATUS + "WHERE s.state < 3 AND (s.created, s.id) < (?, ?) ORDER BY s.created DESC, s.id DESC LIMIT ?"
_LOG = "SELECT id, state, total, succeeded + failed, entries FROM sessions WHERE sid = ? AND state < 3"
_ENTRIES = "SELECT n, entry FROM log WHERE session = ? AND n > ? ORDER BY n LIMIT ?"


class Look(msgspec.Struct, frozen=True):
    """One look into a session's log."""

    found: Entries
    #: Whether nothing will ever come after what was found.
    last: bool


def status(connection: sqlite3.Connection, session_id: SessionId, decode: Callable[[bytes], Session]) -> SessionStatus:
    """Return how far a session is.

    Raises:
        SessionNotFoundError: there is no such session.
    """
    row = connection.execute(_ONE, (session_id,)).fetchone()
    if row is None:
        raise not_found(session_id)
    return _status(row, decode)


def sessions(connection: sqlite3.Connection, cursor: str, limit: int, decode: Callable[[bytes], Session]) -> Sessions:
    """Return a page of sessions, newest first."""
    rows = connection.execute(_PAGE, (*_position(cursor), limit + 1)).fetchall()
    page = [_status(row, decode) for row in rows[:limit]]
    more = len(rows) > limit and page
    return Sessions(page, f"{rows[limit - 1][1]!r}:{rows[limit - 1][0]}" if more else None)


def look(connection: sqlite3.Connection, session_id: SessionId, cursor: str, limit: int) -> Look:
    """Return entries behind a cursor.

    Raises:
        SessionNotFoundError: there is no such session.
    """
    row = connection.execute(_LOG, (session_id,)).fetchone()
    if row is None:
        raise not_found(session_id)
    session, state, total, ended, last = row
    entries: list[Entry] = []
    position = _number(cursor)
    size = 0
    for number, data in connection.execute(_ENTRIES, (session, position, limit)):
        entries.append(_decode_entry(data))
        position = number
        size += len(data)
        if size >= _PAGE_BYTES:
            break
    closed = state == SessionRow.CANCELLED and position >= last
    finished = state == SessionRow.SEALED and ended == total and position >= last
    return Look(Entries(entries, str(position) if position else BEGINNING, closed), closed or finished)


def _status(row: tuple[Any, ...], decode: Callable[[bytes], Session]) -> SessionStatus:
    _, _, header, state, total, succeeded, failed, cancelled, running = row
    return SessionStatus(
        session=decode(header),
        state=_STATES[state],
        total=total,
        succeeded=succeeded,
        failed=failed,
        cancelled=cancelled,
        running=running,
    )


def _number(cursor: str) -> int:
    if cursor == BEGINNING:
        return 0
    if not (cursor.isascii() and cursor.isdigit()):
        raise ConfigError(f"{cursor!r} is not a cursor of this grid's outcomes; start with {BEGINNING!r}")
    return int(cursor)


def _position(cursor: str) -> tuple[float, int]:
    if cursor == BEGINNING:
        return float("inf"), 0
    created, _, identity = cursor.partition(":")
    try:
        return float(created), int(identity)
    except ValueError as error:
        raise ConfigError(f"{cursor!r} is not a cursor of this grid's sessions; start with {BEGINNING!r}") from error
