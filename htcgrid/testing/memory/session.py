"""A session as the memory store keeps it: header, bundles and logs."""

import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

from htcgrid.errors import ConflictError
from htcgrid.interfaces import BEGINNING
from htcgrid.model import (
    Bundle,
    BundleKey,
    CancelCounts,
    Entry,
    Part,
    Ranges,
    Session,
    SessionState,
    SessionStatus,
    defaults,
)
from htcgrid.testing.memory.bundle import BundleRecord


@dataclass(slots=True)
class Log:
    """A gap-free sequence of entries, and their cumulative counts."""

    entries: list[Entry] = field(default_factory=list)
    succeeded: int = 0
    failed: int = 0

    def append(self, parts: tuple[Part, ...], now: float, *, closing: bool = False) -> None:
        """Write the next entry."""
        self.entries.append(Entry(parts=parts, committed=datetime.fromtimestamp(now, UTC), closing=closing))
        self.succeeded += sum(part.succeeded.count for part in parts)
        self.failed += sum(part.failed.count for part in parts)


@dataclass(slots=True, kw_only=True)
class SessionRecord:
    """One session."""

    session: Session
    #: Sessions are numbered as they are recorded, for the listing.
    number: int
    logs: list[Log]
    bundles: dict[BundleKey, BundleRecord] = field(default_factory=dict)
    state: SessionState = SessionState.OPEN
    total: int = 0
    #: When it finished: seconds; None before.
    ended: float | None = None
    #: Whether it was deleted: only its id is left, so that it is not used again.
    tombstone: bool = False
    #: When it was collected to its end: seconds; None before.
    collected: float | None = None
    #: Whether that was the second time, so that it is never collected again.
    gone: bool = False

    @property
    def live(self) -> bool:
        """Whether its bundles may run."""
        return not self.tombstone and self.state is not SessionState.CANCELLED

    @property
    def status(self) -> SessionStatus:
        """How far it is."""
        succeeded, failed = sum(log.succeeded for log in self.logs), sum(log.failed for log in self.logs)
        return SessionStatus(
            session=self.session,
            state=self.state,
            total=self.total,
            succeeded=succeeded,
            failed=failed,
            cancelled=0 if self.live else self.total - succeeded - failed,
            running=sum(bundle.open.count for bundle in self.bundles.values() if bundle.running and self.live),
        )

    @property
    def counts(self) -> CancelCounts:
        """What a cancel found, also when it is asked again."""
        status = self.status
        return CancelCounts(
            session=self.session.id, succeeded=status.succeeded, failed=status.failed, cancelled=status.cancelled
        )

    def log(self, root: Bundle) -> Log:
        """Return the log of a submitted bundle and of all that descend from it."""
        return self.logs[zlib.crc32(b"%d" % root.key.start) % len(self.logs)]

    def add(self, bundles: list[Bundle], now: float) -> None:
        """Record those that are not there, or nothing at all."""
        new: dict[BundleKey, Bundle] = {}
        for bundle in bundles:
            known = self.bundles[bundle.key].root if bundle.key in self.bundles else new.setdefault(bundle.key, bundle)
            if (known.stop, known.input.digest) != (bundle.stop, bundle.input.digest):
                raise ConflictError(
                    f"bundle {bundle.key} is there with other tasks: submit the same ones, or use another id"
                )
        if new and self.state is not SessionState.OPEN:
            raise ConflictError(f"session {self.session.id} is {self.state} and takes no more tasks: use another id")
        for bundle in new.values():
            record = BundleRecord(key=bundle.key, root=bundle, held=Ranges.of((bundle.key.start, bundle.stop)))
            record.wait(now)
            self.bundles[bundle.key] = record
        self.total = max([self.total, *(bundle.stop for bundle in new.values())])

    def seal(self, total: int, now: float) -> None:
        """Take no more tasks, if these are all."""
        if self.total != total:
            raise ConflictError(
                f"session {self.session.id} holds {self.total} tasks, not {total}: submit the rest first"
            )
        if self.state is SessionState.OPEN:
            self.state = SessionState.SEALED
        self.note_end(now)

    def cancel(self, now: float) -> None:
        """Close every log, unless the session was finished or cancelled before."""
        if self.status.finished:
            return
        self.state = SessionState.CANCELLED
        for log in self.logs:
            log.append((), now, closing=True)
        self.note_end(now)

    def note_end(self, now: float) -> None:
        """Remember when the session finished, if it has."""
        if self.ended is None and self.status.finished:
            self.ended = now

    def behind(self, cursor: str) -> list[int]:
        """Return how many entries of each log lie before ``cursor``."""
        return [0] * len(self.logs) if cursor == BEGINNING else [int(position) for position in cursor.split(".")]

    def unread(self, positions: list[int]) -> bool:
        """Return whether a log has an entry behind these positions."""
        return any(len(log.entries) > position for log, position in zip(self.logs, positions, strict=True))

    def collectable(self, now: float) -> bool:
        """Return whether it is to be collected, as a tombstone: at first, and once more when it has lingered."""
        return not self.gone and (self.collected is None or now - self.collected >= defaults.LINGER.total_seconds())

    def collect(self, limit: int, now: float) -> bool:
        """Delete up to ``limit`` records, bundles first; return whether none is left."""
        if not self.collectable(now):
            return True
        for key in list(self.bundles)[:limit]:
            del self.bundles[key]
            limit -= 1
        for log in self.logs:
            gone = min(limit, len(log.entries))
            del log.entries[:gone]
            limit -= gone
        if self.bundles or any(log.entries for log in self.logs):
            return False
        self.gone = self.collected is not None
        self.collected = now
        return True
