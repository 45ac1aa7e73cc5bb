"""How sessions go: a tombstone first, then record by record, and a second look for what came late."""

import sqlite3
from typing import NamedTuple

from htcgrid.local.damage import forget
from htcgrid.local.schema import SessionRow
from htcgrid.model import SessionId, defaults

_BURY = "UPDATE sessions SET state = 3, expires = NULL, sweep = 1 WHERE sid = ? AND state < 3"
# What is damaged stays as it is, and must not stand in front of others.
_TOMBSTONES = "SELECT sid FROM sessions WHERE state = 3 AND typeof(sid) = 'text' ORDER BY id LIMIT ?"
# In one order, whatever they are: none of them is passed over to find others.
_RIPE = """
SELECT id, sid, state FROM sessions
WHERE expires IS NOT NULL AND expires <= ? AND typeof(sid) = 'text' AND typeof(state) = 'integer'
ORDER BY expires LIMIT ?
"""
_EXPIRE = "UPDATE sessions SET state = 3, expires = NULL, sweep = 0 WHERE id = ?"
_FIND = "SELECT id, state, expires FROM sessions WHERE sid = ?"
_RECORDS = (
    """
    DELETE FROM bundles WHERE (session, start, birth) IN (
        SELECT session, start, birth FROM bundles WHERE session = ? LIMIT ?
    )""",
    "DELETE FROM log WHERE (session, n) IN (SELECT session, n FROM log WHERE session = ? LIMIT ?)",
    "DELETE FROM submitted WHERE (session, start) IN (SELECT session, start FROM submitted WHERE session = ? LIMIT ?)",
)
_COLLECTED = "UPDATE sessions SET state = 4, expires = ? WHERE id = ?"


class Look(NamedTuple):
    """Sessions to collect."""

    sessions: list[SessionId]
    #: The numbers of those past their retention, which are no tombstones yet.
    expired: list[int]


def bury(connection: sqlite3.Connection, session_id: SessionId) -> None:
    """Make a session a tombstone; nothing is changed when there is none."""
    connection.execute(_BURY, (session_id,))


def look(connection: sqlite3.Connection, now: float, limit: int) -> Look:
    """Return sessions to collect: tombstones, those that lingered long enough, and those past their retention."""
    found = [sid for (sid,) in connection.execute(_TOMBSTONES, (limit,))]
    expired = []
    for identity, sid, state in connection.execute(_RIPE, (now, limit - len(found))).fetchall():
        found.append(sid)
        if state < SessionRow.DELETED:
            expired.append(identity)
    return Look(found, expired)


def expire(connection: sqlite3.Connection, sessions: list[int]) -> None:
    """Make tombstones of sessions past their retention."""
    connection.executemany(_EXPIRE, [(identity,) for identity in sessions])


def collect(connection: sqlite3.Connection, session_id: SessionId, limit: int, now: float) -> bool:
    """Delete up to ``limit`` records of a tombstone; return whether none is left."""
    row = connection.execute(_FIND, (session_id,)).fetchone()
    if row is None:
        return True
    identity, state, expires = row
    if state == SessionRow.COLLECTED:
        if expires is not None and expires <= now:
            connection.execute(_COLLECTED, (None, identity))
        return True
    if state != SessionRow.DELETED:
        return False
    left = limit
    for statement in _RECORDS:
        left -= connection.execute(statement, (identity, left)).rowcount
        if left <= 0:
            return False
    forget(connection, identity)
    connection.execute(_COLLECTED, (now + defaults.LINGER.total_seconds(), identity))
    return True
