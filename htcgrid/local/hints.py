"""Hints that are stored, since their sessions are in a state store elsewhere.

Of the sessions in this file none is: their pending bundles are in it, and are their own hints.
"""

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from htcgrid.model import Delivery, Hint
from htcgrid.model.decoding import Decoder
from htcgrid.unreadables import Unreadables

_encode = msgspec.msgpack.Encoder().encode
_decode: Decoder[Hint] = Decoder(Hint, "hint")

#: A hint that was received and not deleted is received again after this: seconds.
_HIDDEN = 20.0

# The column ``priority`` holds a hint's rank: by that they are received.
_IS_OURS = "SELECT EXISTS (SELECT 1 FROM sessions WHERE sid = ?)"
_STORE = "INSERT INTO hints (pool, priority, visible, body) VALUES (?, ?, 0, ?)"
#: Whether a stored hint waits: a column of a statement whose parameters begin with the time, the pool, and the rank
#: above which it is to be.
ANY_STORED = "EXISTS (SELECT 1 FROM hints WHERE pool = ?2 AND visible <= ?1 AND priority > ?3)"
_TAKE = """
UPDATE hints SET visible = :now + :hidden WHERE id IN (
    SELECT id FROM hints WHERE pool = :pool AND visible <= :now AND priority > :above
    ORDER BY priority DESC, id LIMIT :limit
) RETURNING id, body
"""
_DELETE = "DELETE FROM hints WHERE id = ?"
_DEPTH = "SELECT count(*) FROM (SELECT 1 FROM hints WHERE pool = ? AND visible <= ? LIMIT 100000)"


def foreign(connection: sqlite3.Connection, hints: Iterable[Hint]) -> list[Hint]:
    """Return those whose sessions are not in this file."""
    hints = list(hints)
    sessions = {hint.key.session for hint in hints}
    ours = {session for session in sessions if connection.execute(_IS_OURS, (session,)).fetchone()[0]}
    return [hint for hint in hints if hint.key.session not in ours]


def store(connection: sqlite3.Connection, hints: Iterable[Hint]) -> None:
    """Store hints."""
    connection.executemany(_STORE, [(hint.pool, rank(hint), _encode(hint)) for hint in hints])


def take(
    connection: sqlite3.Connection, pool: str, now: float, limit: int, *, above: int | None, met: Unreadables
) -> list[Delivery]:
    """Return hints of higher priorities first, and hide them for a while; so it does with those that are none."""
    values = {"pool": pool, "now": now, "limit": limit, "hidden": _HIDDEN, "above": rank_above(above)}
    rows = connection.execute(_TAKE, values).fetchall()
    taken, _ = met.page(_read, rows)
    taken.sort(key=lambda row: (-rank(row[1]), row[0]))
    return [Delivery(hint=hint, token=str(identity)) for identity, hint in taken]


def _read(row: tuple[int, object]) -> tuple[int, Hint]:
    identity, body = row
    return identity, _decode(body, identity)


def delete(connection: sqlite3.Connection, tokens: Sequence[str]) -> None:
    """Delete hints that were received."""
    connection.executemany(_DELETE, [(int(token),) for token in tokens])


def depth(connection: sqlite3.Connection, pool: str, now: float) -> int:
    """Return how many hints of a pool wait, without those that were received, counted up to 100,000."""
    return int(connection.execute(_DEPTH, (pool, now)).fetchone()[0])


def rank(hint: Hint) -> int:
    """Return a number by which hints go, the highest first: what was begun before goes first among its priority."""
    return 2 * hint.priority + hint.again


def rank_above(priority: int | None) -> int:
    """Return the highest rank that is not above a priority; without one, every rank is."""
    return -1 if priority is None else 2 * priority + 1
