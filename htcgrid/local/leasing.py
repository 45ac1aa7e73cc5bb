"""How agents get and keep bundles: claim and renew."""

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import timedelta

import msgspec

from htcgrid.errors import UnreadableError
from htcgrid.interfaces import Renewal
from htcgrid.local import damage as damaged
from htcgrid.local.damage import READABLE, Damage, Place
from htcgrid.local.record import RUN, read_open, read_tries
from htcgrid.model import AgentId, BundleKey, Claim, Lease, LossCause, Lost, Pack, Session, defaults
from htcgrid.model.decoding import Count, Row, unreadable
from htcgrid.model.header import DecodeSession

#: A bundle whose submission is gone is found, too: without it nobody would be told.
_WIN = f"""
SELECT s.header, b.session, s.total, b.stop, b.root, b.attempt, b.open, b.tries, b.lapses, b.lapses_alone,
       i.digest, i.size, i.key, i.data, EXISTS (SELECT 1 FROM damaged)
FROM sessions s
CROSS JOIN bundles b ON b.session = s.id AND b.start = ?2 AND b.birth = ?3
LEFT JOIN submitted i ON i.session = b.session AND i.start = b.root
WHERE s.sid = ?4 AND s.state < 2 AND s.schema <= ?5 AND b.state = 0 AND b.due <= ?1 AND b.stop <= s.total {READABLE}
"""  # noqa: S608 - a constant
_TAKE = """
UPDATE bundles SET state = 1, due = 0, attempt = ?, beat = beat + 1, nonce = ?, agent = ?, lease = ?
WHERE session = ? AND start = ? AND birth = ?
"""
_HELD = """
SELECT s.state, b.session FROM sessions s
LEFT JOIN bundles b
  ON b.session = s.id AND b.start = ? AND b.birth = ? AND b.state = 1 AND b.attempt = ? AND b.nonce = ?
WHERE s.sid = ?
"""
_BEAT = "UPDATE bundles SET beat = beat + 1 WHERE session = ? AND start = ? AND birth = ?"


class _Row(msgspec.Struct, array_like=True):
    """What is read of a bundle that is to be won, in its order."""

    header: bytes
    session: Count
    total: Count
    stop: Count
    root: Count
    attempt: Count
    open: bytes | None
    tries: bytes | None
    lapses: Count
    lapses_alone: Count
    digest: str
    size: Count
    key: str | None
    data: bytes | None
    #: Whether anything is on record as damaged.
    any_damaged: Count


_row = Row(_Row, "bundle")


def claim(
    connection: sqlite3.Connection,
    keys: Sequence[BundleKey],
    *,
    agent: AgentId,
    lease: timedelta,
    now: float,
    decode: DecodeSession,
    damage: Damage,
) -> list[Claim]:
    """Win those bundles that are pending and due.

    One whose record cannot be read is not claimed, and passed over for a while, so that it does not stand in the way of
    others.
    """
    claims: list[Claim] = []
    taken: list[tuple[object, ...]] = []
    places: list[tuple[int, int, str]] = []
    for key in dict.fromkeys(keys):
        values = (now, key.start, key.birth, key.session, defaults.SCHEMA)
        columns = connection.execute(_WIN, values).fetchone()
        if columns is None:
            continue
        place = Place(columns[1], key.start, key.birth)
        try:
            row = _row(columns, key)
            session = _session(connection, key, row, decode, damage)
            if session is None:
                continue
            won = Lease(key=key, agent=agent, attempt=row.attempt + 1, nonce=secrets.token_hex(8))
            claims.append(_claim(won, row, session))
        except UnreadableError as error:
            damage.note(connection, place, error)
            continue
        taken.append((won.attempt, won.nonce, agent, lease.total_seconds(), *place))
        if row.any_damaged:
            places.append(place)
    connection.executemany(_TAKE, taken)
    damaged.clear(connection, places)
    return claims


def _session(
    connection: sqlite3.Connection, key: BundleKey, row: _Row, decode: DecodeSession, damage: Damage
) -> Session | None:
    """Return the session of a bundle; None when it cannot be read, and all its bundles are passed over."""
    try:
        return decode(row.header, key.session)
    except UnreadableError as error:
        damage.note(connection, Place(row.session), error)
        return None


def _claim(lease: Lease, row: _Row, session: Session) -> Claim:
    if row.root > lease.key.start:
        raise unreadable("bundle", lease.key, ValueError(f"it begins before the one that it descends from, {row.root}"))
    return Claim(
        lease=lease,
        session=session,
        input=Pack(digest=row.digest, size=row.size, key=row.key, data=row.data),
        first=row.root,
        open=read_open(lease.key, row.stop, row.open),
        tries=read_tries(lease.key, row.tries),
        lapses=row.lapses,
        lapses_alone=row.lapses_alone,
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
        if row is None or row[0] not in RUN:
            renewal.lost.append(Lost(key=key, nonce=lease.nonce, cause=LossCause.CANCELLED))
        elif row[1] is None:
            renewal.lost.append(Lost(key=key, nonce=lease.nonce, cause=LossCause.LAPSED))
        else:
            renewal.kept.append(lease)
            yield row[1], key.start, key.birth
