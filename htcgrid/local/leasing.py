"""How agents get and keep bundles: claim and renew."""

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from htcgrid.errors import HtcGridError
from htcgrid.interfaces import Renewal
from htcgrid.local.record import read_open, read_tries
from htcgrid.local.schema import SessionRow
from htcgrid.model import AgentId, BundleKey, Claim, Lease, LossCause, Lost, Pack, Session, defaults

_WIN = """
SELECT s.header, b.session, b.stop, b.root, b.attempt, b.open, b.tries, b.lapses, b.lapses_alone,
       i.digest, i.size, i.key, i.data
FROM sessions s
CROSS JOIN bundles b ON b.session = s.id AND b.start = ? AND b.birth = ?
CROSS JOIN submitted i ON i.session = b.session AND i.start = b.root
WHERE s.sid = ? AND s.state < 2 AND s.schema <= ? AND b.state = 0 AND b.due <= ? AND b.stop <= s.total
"""
_TAKE = """
UPDATE bundles SET state = 1, due = 0, attempt = ?, beat = beat + 1, nonce = ?, agent = ?, lease = ?
WHERE session = ? AND start = ? AND birth = ?
"""
#: A bundle whose record cannot be read waits for this long before somebody looks at it again: seconds.
_UNREADABLE = 60.0
_POSTPONE = "UPDATE bundles SET due = ?, hint_at = ? WHERE session = ? AND start = ? AND birth = ?"
_LONGEST = "UPDATE grid SET longest_delay = max(longest_delay, ?)"
_HELD = """
SELECT s.state, b.session FROM sessions s
LEFT JOIN bundles b
  ON b.session = s.id AND b.start = ? AND b.birth = ? AND b.state = 1 AND b.attempt = ? AND b.nonce = ?
WHERE s.sid = ?
"""
_BEAT = "UPDATE bundles SET beat = beat + 1 WHERE session = ? AND start = ? AND birth = ?"


def claim(
    connection: sqlite3.Connection,
    keys: Sequence[BundleKey],
    *,
    agent: AgentId,
    lease: timedelta,
    now: float,
    decode: Callable[[bytes], Session],
) -> list[Claim]:
    """Win those bundles that are pending and due.

    One whose record cannot be read is not claimed, and steps back so that it does not stand in the way of others.
    """
    claims: list[Claim] = []
    taken: list[tuple[object, ...]] = []
    for key in dict.fromkeys(keys):
        row = connection.execute(_WIN, (key.start, key.birth, key.session, defaults.SCHEMA, now)).fetchone()
        if row is None:
            continue
        won = Lease(key=key, agent=agent, attempt=row[4] + 1, nonce=secrets.token_hex(8))
        try:
            claims.append(_claim(won, row, decode))
        except (msgspec.MsgspecError, HtcGridError):
            connection.execute(_POSTPONE, (now + _UNREADABLE, now + _UNREADABLE, row[1], key.start, key.birth))
            connection.execute(_LONGEST, (_UNREADABLE,))
            continue
        taken.append((won.attempt, won.nonce, agent, lease.total_seconds(), row[1], key.start, key.birth))
    connection.executemany(_TAKE, taken)
    return claims


def _claim(lease: Lease, row: tuple[Any, ...], decode: Callable[[bytes], Session]) -> Claim:
    header, _, stop, root, _, spans, tries, lapses, alone, digest, size, key, data = row
    return Claim(
        lease=lease,
        session=decode(header),
        input=Pack(digest=digest, size=size, key=key, data=data),
        first=root,
        open=read_open(lease.key.start, stop, spans),
        tries=read_tries(tries),
        lapses=lapses,
        lapses_alone=alone,
    )


def renew(connection: sqlite3.Connection, leases: Sequence[Lease]) -> Renewal:
    """Let the heart of each current lease beat once."""
    renewal = Renewal(kept=[], lost=[])
    beats = list(_beats(connection, leases, renewal))
    connection.executemany(_BEAT, beats)
    return renewal


def _beats(connection: sqlite3.Connection, leases: Sequence[Lease], renewal: Renewal) -> Iterator[tuple[int, int, str]]:
    for lease in leases:
        key = lease.key
        row = connection.execute(_HELD, (key.start, key.birth, lease.attempt, lease.nonce, key.session)).fetchone()
        if row is None or row[0] >= SessionRow.CANCELLED:
            renewal.lost.append(Lost(key=key, nonce=lease.nonce, cause=LossCause.CANCELLED))
        elif row[1] is None:
            renewal.lost.append(Lost(key=key, nonce=lease.nonce, cause=LossCause.LAPSED))
        else:
            renewal.kept.append(lease)
            yield row[1], key.start, key.birth
