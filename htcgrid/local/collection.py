"""How sessions go: a tombstone first, then record by record."""

import sqlite3

from htcgrid.local.schema import SessionRow
from htcgrid.model import SessionId

_BURY = "UPDATE sessions SET state = 3, expires = NULL, sweep = 1 WHERE sid = ? AND state < 3"
_ANY_EXPIRED = "SELECT EXISTS (SELECT 1 FROM sessions WHERE expires IS NOT NULL AND expires <= ?)"
_EXPIRE = """
UPDATE sessions SET state = 3, expires = NULL, sweep = 0 WHERE id IN (
    SELECT id FROM sessions WHERE expires IS NOT NULL AND expires <= ? ORDER BY expires LIMIT ?
)
"""
_TOMBSTONES = "SELECT sid FROM sessions WHERE state = 3 ORDER BY id LIMIT ?"
_FIND = "SELECT id, state FROM sessions WHERE sid = ?"
_RECORDS = (
    """
    DELETE FROM bundles WHERE (session, start, birth) IN (
        SELECT session, start, birth FROM bundles WHERE session = ? LIMIT ?
    )""",
    "DELETE FROM log WHERE (session, n) IN (SELECT session, n FROM log WHERE session = ? LIMIT ?)",
    "DELETE FROM submitted WHERE (session, start) IN (SELECT session, start FROM submitted WHERE session = ? LIMIT ?)",
)
_COLLECTED = "UPDATE sessions SET state = 4 WHERE id = ?"


def bury(connection: sqlite3.Connection, session_id: SessionId) -> None:
    """Make a session a tombstone; nothing is changed when there is none."""
    connection.execute(_BURY, (session_id,))


def any_expired(connection: sqlite3.Connection, now: float) -> bool:
    """Return whether a session is past its retention and no tombstone yet."""
    return bool(connection.execute(_ANY_EXPIRED, (now,)).fetchone()[0])


def expire(connection: sqlite3.Connection, now: float, limit: int) -> None:
    """Make tombstones of sessions past their retention."""
    connection.execute(_EXPIRE, (now, limit))


def tombstones(connection: sqlite3.Connection, limit: int) -> list[SessionId]:
    """Return sessions whose records are to be collected."""
    return [sid for (sid,) in connection.execute(_TOMBSTONES, (limit,))]


def collect(connection: sqlite3.Connection, session_id: SessionId, limit: int) -> bool:
    """Delete up to ``limit`` records of a tombstone; return whether none is left."""
    row = connection.execute(_FIND, (session_id,)).fetchone()
    if row is None or row[1] == SessionRow.COLLECTED:
        return True
    if row[1] != SessionRow.DELETED:
        return False
    left = limit
    for statement in _RECORDS:
        left -= connection.execute(statement, (row[0], left)).rowcount
        if left <= 0:
            return False
    connection.execute(_COLLECTED, (row[0],))
    return True
