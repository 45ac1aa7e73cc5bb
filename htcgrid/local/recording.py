"""How outcomes are recorded: bundles, one entry per session and the counts, in one transaction."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from htcgrid.local.damage import Damage
from htcgrid.local.record import Found, Record, load, written_open, written_tries
from htcgrid.model import BundleKey, Commit, Committed, Entry, Part, Ranges

_encode = msgspec.msgpack.Encoder().encode

_SHRINK = """
UPDATE bundles SET open = ?, tasks = ?, tries = ?, beat = beat + ? WHERE session = ? AND start = ? AND birth = ?
"""
_END = "DELETE FROM bundles WHERE session = ? AND start = ? AND birth = ?"
_COUNT = """
UPDATE sessions SET
    entries = entries + 1, succeeded = succeeded + :succeeded, failed = failed + :failed,
    expires = CASE WHEN state = 1 AND succeeded + failed + :succeeded + :failed = total THEN :now + keep END
WHERE id = :session RETURNING entries
"""
_APPEND = "INSERT INTO log (session, n, entry) VALUES (?, ?, ?)"


class Recording:
    """The commits of one call, until they are written."""

    def __init__(self, connection: sqlite3.Connection, damage: Damage) -> None:
        self._connection = connection
        self._damage = damage
        self._found: dict[BundleKey, Found] = {}
        self._renewed: set[BundleKey] = set()
        self._shrunk: set[BundleKey] = set()
        self._parts: dict[int, list[Part]] = defaultdict(list)

    def accept(self, commit: Commit) -> Committed:
        """Take what may be recorded of ``commit``, task by task."""
        key = commit.lease.key
        asked = commit.succeeded | commit.failed
        found = self._find(key)
        record = found.record
        if found.over or record is None:
            return Committed(lease=None, accepted=Ranges(), refused=asked, cancelled=found.over)
        current = record.is_held_under(commit.lease)
        succeeded = commit.succeeded & record.open
        failed = (commit.failed & record.open) - succeeded if current else Ranges()
        accepted = succeeded | failed
        if accepted:
            record.open -= accepted
            self._shrunk.add(key)
            self._parts[record.session].append(Part(key=key, succeeded=succeeded, failed=failed, pack=commit.pack))
        if current:
            self._renewed.add(key)
        lease = commit.lease if current and record.open else None
        return Committed(lease=lease, accepted=accepted, refused=asked - accepted)

    def write(self, now: float) -> None:
        """Write what was taken."""
        records = [found.record for found in self._found.values() if found.record is not None]
        touched = [record for record in records if record.key in self._shrunk or record.key in self._renewed]
        self._connection.executemany(_END, [_place(record) for record in touched if not record.open])
        self._connection.executemany(_SHRINK, [self._shrinking(record) for record in touched if record.open])
        for session, parts in self._parts.items():
            self._append(session, parts, now)

    def _find(self, key: BundleKey) -> Found:
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = load(self._connection, key, self._damage)
        return found

    def _shrinking(self, record: Record) -> tuple[object, ...]:
        tries = record.tries_of(record.open)
        spans = written_open(record.key.start, record.stop, record.open)
        return spans, record.open.count, written_tries(tries), record.key in self._renewed, *_place(record)

    def _append(self, session: int, parts: list[Part], now: float) -> None:
        counts = {
            "session": session,
            "succeeded": sum(part.succeeded.count for part in parts),
            "failed": sum(part.failed.count for part in parts),
            "now": now,
        }
        (number,) = self._connection.execute(_COUNT, counts).fetchone()
        append(self._connection, session, number, Entry(parts=tuple(parts), committed=datetime.fromtimestamp(now, UTC)))


def record_outcomes(
    connection: sqlite3.Connection, commits: Sequence[Commit], now: float, damage: Damage
) -> list[Committed]:
    """Record what may be recorded of each commit, and answer each."""
    recording = Recording(connection, damage)
    answers = [recording.accept(commit) for commit in commits]
    recording.write(now)
    return answers


def append(connection: sqlite3.Connection, session: int, number: int, entry: Entry) -> None:
    """Write entry ``number`` of a session's log; a second one of this number would be an error."""
    connection.execute(_APPEND, (session, number, _encode(entry)))


def _place(record: Record) -> tuple[int, int, str]:
    return record.session, record.key.start, record.key.birth
