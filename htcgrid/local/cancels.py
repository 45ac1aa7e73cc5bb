"""How sessions are ended before their tasks are."""

import sqlite3
from datetime import UTC, datetime

from htcgrid.local.recording import append
from htcgrid.local.schema import SessionRow
from htcgrid.model import CancelCounts, Entry, SessionId

_FIND = "SELECT id, state, total, entries, succeeded, failed, cancelled FROM sessions WHERE sid = ?"
_CANCEL = """
UPDATE sessions SET state = 2, entries = ?, cancelled = ?, expires = ? + keep, sweep = 1 WHERE id = ?
"""
_UNSWEPT = "SELECT id FROM sessions WHERE sweep = 1 LIMIT 1"
_SWEEP = """
DELETE FROM bundles WHERE (session, start, birth) IN (
    SELECT session, start, birth FROM bundles WHERE session = ? LIMIT ?
)
"""
_SWEPT = "UPDATE sessions SET sweep = 0 WHERE id = ?"
#: Bundles that one transaction deletes.
_CHUNK = 2048


def cancel(connection: sqlite3.Connection, session_id: SessionId, now: float) -> CancelCounts | None:
    """End a session and close its log; None when there is no such session."""
    row = connection.execute(_FIND, (session_id,)).fetchone()
    if row is None or row[1] >= SessionRow.DELETED:
        return None
    identity, state, total, entries, succeeded, failed, cancelled = row
    ended = succeeded + failed
    if state == SessionRow.OPEN or (state == SessionRow.SEALED and ended < total):
        cancelled = total - ended
        closing = Entry(parts=(), committed=datetime.fromtimestamp(now, UTC), closing=True)
        append(connection, identity, entries + 1, closing)
        connection.execute(_CANCEL, (entries + 1, cancelled, now, identity))
    return CancelCounts(session=session_id, succeeded=succeeded, failed=failed, cancelled=cancelled)


def unswept(connection: sqlite3.Connection) -> bool:
    """Return whether a cancelled or deleted session still has bundles."""
    return connection.execute(_UNSWEPT).fetchone() is not None


def sweep(connection: sqlite3.Connection) -> bool:
    """Delete some bundles of a cancelled or deleted session; return whether more may be left."""
    row = connection.execute(_UNSWEPT).fetchone()
    if row is None:
        return False
    if connection.execute(_SWEEP, (*row, _CHUNK)).rowcount < _CHUNK:
        connection.execute(_SWEPT, row)
    return True
