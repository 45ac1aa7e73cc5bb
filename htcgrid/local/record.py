"""The record of a bundle that is not ended, as a verb works on it between reading and writing its row."""

import sqlite3
from dataclasses import dataclass

import msgspec

from htcgrid.local.schema import BundleRow, SessionRow
from htcgrid.model import BundleKey, Lease, Ranges

_encode = msgspec.msgpack.Encoder().encode
_decode_spans = msgspec.msgpack.Decoder(tuple[tuple[int, int], ...]).decode
_decode_tries = msgspec.msgpack.Decoder(dict[int, int]).decode

_LOAD = """
SELECT s.id, s.state, b.pool, b.priority, b.stop, b.root, b.state, b.attempt, b.nonce, b.lapses, b.lapses_alone,
       b.open, b.tries
FROM sessions s LEFT JOIN bundles b ON b.session = s.id AND b.start = ? AND b.birth = ?
WHERE s.sid = ?
"""


@dataclass(slots=True, kw_only=True)
class Record:
    """A bundle's row."""

    session: int
    key: BundleKey
    pool: str
    priority: int
    stop: int
    #: The start of the submitted bundle that this one descends from.
    root: int
    state: int
    attempt: int
    nonce: str | None
    lapses: int
    lapses_alone: int
    open: Ranges
    tries: dict[int, int]

    def is_held_under(self, lease: Lease) -> bool:
        """Return whether the lease is current."""
        return self.state == BundleRow.RUNNING and self.attempt == lease.attempt and self.nonce == lease.nonce

    def tries_of(self, tasks: Ranges) -> dict[int, int]:
        """Return the tries behind those of ``tasks`` that have any."""
        return {index: count for index, count in self.tries.items() if index in tasks}


class Found(msgspec.Struct, frozen=True):
    """What a key leads to."""

    #: Whether the session is cancelled, deleted or was never there: nothing of it is recorded any more.
    over: bool
    record: Record | None


def load(connection: sqlite3.Connection, key: BundleKey) -> Found:
    """Return the record of this key, None when it has ended."""
    row = connection.execute(_LOAD, (key.start, key.birth, key.session)).fetchone()
    if row is None:
        return Found(over=True, record=None)
    session, session_state, pool, priority, stop, root, state, attempt, nonce, lapses, alone, spans, tries = row
    over = session_state >= SessionRow.CANCELLED
    if state is None:
        return Found(over=over, record=None)
    record = Record(
        session=session,
        key=key,
        pool=pool,
        priority=priority,
        stop=stop,
        root=root,
        state=state,
        attempt=attempt,
        nonce=nonce,
        lapses=lapses,
        lapses_alone=alone,
        open=read_open(key.start, stop, spans),
        tries=read_tries(tries),
    )
    return Found(over=over, record=record)


def read_open(start: int, stop: int, spans: bytes | None) -> Ranges:
    """Return the open tasks of a bundle; all of its range is written as NULL, since most bundles never differ."""
    return Ranges(((start, stop),) if spans is None else _decode_spans(spans))


def written_open(start: int, stop: int, tasks: Ranges) -> bytes | None:
    """Return what :func:`read_open` reads."""
    return None if tasks.spans == ((start, stop),) else _encode(tasks.spans)


def read_tries(tries: bytes | None) -> dict[int, int]:
    """Return the tries of a bundle's tasks by index."""
    return {} if tries is None else _decode_tries(tries)


def written_tries(tries: dict[int, int]) -> bytes | None:
    """Return what :func:`read_tries` reads."""
    return _encode(tries) if tries else None
