"""How an agent gives back what it will not reach: parts of a bundle become pending bundles."""

import sqlite3
from collections.abc import Sequence

from htcgrid.local.damage import Damage
from htcgrid.local.record import Record, load, written_open, written_tries
from htcgrid.local.schema import AGAIN, LATE, SUSPECT
from htcgrid.model import BundleKey, GivenBack, Hint, Lease, Ranges, Remainder, child_birth, is_suspect

_CHILD = """
INSERT INTO bundles (
    session, start, birth, stop, root, pool, priority, due, hint_at, tasks, lapses, lapses_alone, open, tries
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_WHOLE = """
UPDATE bundles SET state = 0, agent = NULL, due = ?, hint_at = ?, hinted = 0, tasks = ?, open = ?, tries = ?, lapses = ?
WHERE session = ? AND start = ? AND birth = ?
"""
_KEEP = """
UPDATE bundles SET beat = beat + 1, tasks = ?, open = ?, tries = ? WHERE session = ? AND start = ? AND birth = ?
"""
_LONGEST = "UPDATE grid SET longest_delay = ? WHERE longest_delay < ?"


class Carving:
    """One bundle while parts of it are carved off."""

    def __init__(self, connection: sqlite3.Connection, record: Record, now: float) -> None:
        self._connection = connection
        self._record = record
        self._now = now
        self.hints: list[Hint] = []

    def carve(self, remainder: Remainder) -> Ranges:
        """Make a pending bundle of what is still there of ``remainder``, and return it."""
        record = self._record
        tasks = remainder.ranges & record.open
        if not tasks:
            return tasks
        delay = remainder.delay.total_seconds()
        lapses = record.lapses if remainder.lapses is None else remainder.lapses
        now = SUSPECT if is_suspect(lapses + record.lapses_alone) else AGAIN
        due, hint_at = (self._now + delay, self._now + delay) if delay > 0 else (now, self._now + LATE)
        if delay > 0:
            self._connection.execute(_LONGEST, (delay, delay))
        tries = record.tries_of(tasks) | {i: count for i, count in remainder.tries.items() if i in tasks}
        if tasks == record.open:
            self._return_whole(tasks, (due, hint_at), tries, lapses)
        else:
            self._add_child(tasks, (due, hint_at), tries, lapses)
        record.open -= tasks
        return tasks

    def keep(self) -> None:
        """Write what stays with the holder."""
        record = self._record
        spans = written_open(record.key.start, record.stop, record.open)
        tries = written_tries(record.tries_of(record.open))
        self._connection.execute(_KEEP, (record.open.count, spans, tries, *self._place))

    @property
    def _place(self) -> tuple[int, int, str]:
        return self._record.session, self._record.key.start, self._record.key.birth

    def _return_whole(self, tasks: Ranges, times: tuple[float, float], tries: dict[int, int], lapses: int) -> None:
        record = self._record
        spans = written_open(record.key.start, record.stop, tasks)
        values = (*times, tasks.count, spans, written_tries(tries), lapses)
        self._connection.execute(_WHOLE, (*values, *self._place))
        self._hint(record.key, tasks, lapses)

    def _add_child(self, tasks: Ranges, times: tuple[float, float], tries: dict[int, int], lapses: int) -> None:
        record = self._record
        key = BundleKey(record.key.session, tasks.first, child_birth(record.key, record.attempt))
        spans = written_open(tasks.first, tasks.stop, tasks)
        place = (record.session, key.start, key.birth, tasks.stop, record.root, record.pool, record.priority)
        state = (*times, tasks.count, lapses, record.lapses_alone, spans, written_tries(tries))
        self._connection.execute(_CHILD, (*place, *state))
        self._hint(key, tasks, lapses)

    def _hint(self, key: BundleKey, tasks: Ranges, lapses: int) -> None:
        record = self._record
        lapses += record.lapses_alone
        self.hints.append(
            Hint.of(key, record.pool, record.priority, tasks=tasks.count, attempts=record.attempt, lapses=lapses)
        )


def give_back(
    connection: sqlite3.Connection, lease: Lease, remainders: Sequence[Remainder], now: float, damage: Damage
) -> GivenBack | None:
    """Carve the remainders off a leased bundle; None when the lease is not current, or the bundle cannot be read."""
    found = load(connection, lease.key, damage)
    record = found.record
    if found.over or record is None or not record.is_held_under(lease):
        return None
    carving = Carving(connection, record, now)
    carved = [carving.carve(remainder) for remainder in remainders]
    if record.open:
        carving.keep()
    return GivenBack(lease=lease if record.open else None, carved=carved, hints=carving.hints)
