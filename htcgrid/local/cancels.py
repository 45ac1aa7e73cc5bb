"""How sessions are ended before their tasks are."""

import sqlite3
from datetime import UTC, datetime

import msgspec

from htcgrid.local.record import check_log
from htcgrid.local.recording import append
from htcgrid.local.schema import SessionRow
from htcgrid.model import CancelCounts, Entry, SessionId
from htcgrid.model.decoding import Count, Row

_FIND = """
SELECT id, state, total, entries, succeeded, failed, cancelled,
    (SELECT n FROM log WHERE session = sessions.id ORDER BY n DESC LIMIT 1)
FROM sessions WHERE sid = ?
"""
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


class _Row(msgspec.Struct, array_like=True):
    """What is read of a session that is to end, in its order."""

    id: Count
    state: SessionRow
    total: Count
    entries: Count
    succeeded: Count
    failed: Count
    cancelled: Count
    last: Count | None


_row = Row(_Row, "session")


def cancel(connection: sqlite3.Connection, session_id: SessionId, now: float) -> CancelCounts | None:
    """End a session and close its log; None when there is no such session.

    Raises:
        UnreadableError: it cannot be read.
    """
    columns = connection.execute(_FIND, (session_id,)).fetchone()
    row = None if columns is None else _row(columns, session_id)
    if row is None or row.state >= SessionRow.DELETED:
        return None
    ended, cancelled = row.succeeded + row.failed, row.cancelled
    if row.state == SessionRow.OPEN or (row.state == SessionRow.SEALED and ended < row.total):
        check_log(session_id, entries=row.entries, last=row.last, ended=ended, total=row.total)
        cancelled = row.total - ended
        closing = Entry(parts=(), committed=datetime.fromtimestamp(now, UTC), closing=True)
        append(connection, row.id, row.entries + 1, closing)
        connection.execute(_CANCEL, (row.entries + 1, cancelled, now, row.id))
    return CancelCounts(session=session_id, succeeded=row.succeeded, failed=row.failed, cancelled=cancelled)


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
