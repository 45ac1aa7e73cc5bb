"""The record of a bundle that is not ended, as a verb works on it between reading and writing its row."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from htcgrid.errors import UnreadableError
from htcgrid.local.damage import Damage, Place
from htcgrid.local.schema import BundleRow, SessionRow
from htcgrid.model import BundleKey, Lease, Ranges, SessionId
from htcgrid.model.decoding import Count, Decoder, Row, unreadable

_encode = msgspec.msgpack.Encoder().encode
_decode_spans: Decoder[tuple[tuple[Count, Count], ...]] = Decoder(
    tuple[tuple[Count, Count], ...], "the open tasks of bundle"
)
_decode_tries: Decoder[dict[Count, Count]] = Decoder(dict[Count, Count], "the tries of bundle")

_LOAD = """
SELECT s.id, s.state, b.state, s.total, s.succeeded, s.failed, s.entries,
       (SELECT n FROM log WHERE session = s.id ORDER BY n DESC LIMIT 1),
       b.pool, b.priority, b.stop, b.root, b.attempt, b.nonce, b.lapses, b.lapses_alone, b.open, b.tries
FROM sessions s LEFT JOIN bundles b ON b.session = s.id AND b.start = ? AND b.birth = ?
WHERE s.sid = ?
"""


#: The states of sessions whose tasks are run.
RUN = (SessionRow.OPEN, SessionRow.SEALED)


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


class _Row(msgspec.Struct, array_like=True):
    """What is read of a bundle and its session, in its order."""

    state: BundleRow
    total: Count
    succeeded: Count
    failed: Count
    entries: Count
    last: Count | None
    pool: str
    priority: Count
    stop: Count
    root: Count
    attempt: Count
    nonce: str | None
    lapses: Count
    lapses_alone: Count
    open: bytes | None
    tries: bytes | None


_row = Row(_Row, "bundle")


class Found(msgspec.Struct, frozen=True):
    """What a key leads to."""

    #: Whether the session is cancelled, deleted or was never there: nothing of it is recorded any more.
    over: bool
    record: Record | None


def load(connection: sqlite3.Connection, key: BundleKey, damage: Damage) -> Found:
    """Return the record of this key; None when it has ended, or cannot be read."""
    columns = connection.execute(_LOAD, (key.start, key.birth, key.session)).fetchone()
    if columns is None:
        return Found(over=True, record=None)
    session, session_state, *rest = columns
    over = session_state not in RUN
    if rest[0] is None:
        return Found(over=over, record=None)
    try:
        record = _record(session, key, rest)
    except UnreadableError as error:
        damage.note(connection, Place(session, key.start, key.birth), error)
        return Found(over=over, record=None)
    return Found(over=over, record=record)


def _record(session: int, key: BundleKey, columns: Sequence[object]) -> Record:
    row = _row(columns, key)
    ended = row.succeeded + row.failed
    check_log(key.session, entries=row.entries, last=row.last, ended=ended, total=row.total)
    return Record(
        session=session,
        key=key,
        pool=row.pool,
        priority=row.priority,
        stop=row.stop,
        root=row.root,
        state=row.state,
        attempt=row.attempt,
        nonce=row.nonce,
        lapses=row.lapses,
        lapses_alone=row.lapses_alone,
        open=read_open(key, row.stop, row.open),
        tries=read_tries(key, row.tries),
    )


def check_log(session: SessionId, *, entries: int, last: int | None, ended: int, total: int) -> None:
    """Refuse a session to which no entry can be added: it would count wrongly, or take another's place.

    Raises:
        UnreadableError: it is one.
    """
    if (last or 0) != entries or ended > total:
        problem = ValueError(f"it has {entries} entries, and the last is {last}; {ended} of {total} tasks have ended")
        raise unreadable("the log of session", session, problem)


def read_open(key: BundleKey, stop: int, spans: bytes | None) -> Ranges:
    """Return the open tasks of a bundle; all of its range is written as NULL, since most bundles never differ.

    Raises:
        UnreadableError: they are none, or none of its range.
    """
    found = ((key.start, stop),) if spans is None else _decode_spans(spans, key)
    position = key.start
    for start, end in found:
        if not position <= start < end <= stop:
            problem = ValueError(f"tasks {start} to {end} are not between {position} and {stop}")
            raise unreadable(_decode_spans.what, key, problem)
        position = end
    return Ranges(found)


def written_open(start: int, stop: int, tasks: Ranges) -> bytes | None:
    """Return what :func:`read_open` reads."""
    return None if tasks.spans == ((start, stop),) else _encode(tasks.spans)


def read_tries(key: BundleKey, tries: bytes | None) -> dict[int, int]:
    """Return the tries of a bundle's tasks by index.

    Raises:
        UnreadableError: they are none.
    """
    return {} if tries is None else _decode_tries(tries, key)


def written_tries(tries: dict[int, int]) -> bytes | None:
    """Return what :func:`read_tries` reads."""
    return _encode(tries) if tries else None
