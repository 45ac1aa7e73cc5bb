"""A bundle as the memory store keeps it."""

from dataclasses import dataclass, field
from datetime import timedelta

from htcgrid.model import (
    AgentId,
    Bundle,
    BundleKey,
    BundleStatus,
    Claim,
    Lease,
    Ranges,
    Remainder,
    Session,
    child_birth,
)

#: A pending bundle that nobody claimed is hinted again after this time, then after twice as long, and so on.
LATE = timedelta(minutes=10)

_NOTHING = Ranges()
_NOBODY = AgentId("")


@dataclass(slots=True, kw_only=True)
class BundleRecord:
    """One bundle: pending, leased, or with nothing left to run."""

    key: BundleKey
    #: The submitted bundle that this one is, or descends from.
    root: Bundle
    #: The tasks in this bundle, with and without outcomes.
    held: Ranges
    done: Ranges = _NOTHING
    tries: dict[int, int] = field(default_factory=dict)
    lapses: int = 0
    lapses_alone: int = 0

    running: bool = False
    attempt: int = 0
    nonce: str = ""
    agent: AgentId = _NOBODY
    #: The length of the lease, how often its holder was heard of, and when last: seconds.
    lease: float = 0.0
    beat: int = 0
    heard: float = 0.0

    #: Not claimed before this time, and hinted at that one whatever the queue holds: seconds.
    due: float = 0.0
    hint_at: float = 0.0
    hinted: int = 0

    @property
    def open(self) -> Ranges:
        """The tasks in this bundle without an outcome."""
        return self.held - self.done

    @property
    def pending(self) -> bool:
        """Whether somebody may claim it, now or later."""
        return not self.running and bool(self.open)

    def status(self, now: float) -> BundleStatus:
        """What the store tells of it."""
        return BundleStatus(
            key=self.key,
            open=self.open,
            agent=self.agent if self.running else None,
            attempt=self.attempt,
            lapses=self.lapses,
            lapses_alone=self.lapses_alone,
            tries={index: count for index, count in self.tries.items() if index in self.open},
            delay=timedelta(seconds=0.0 if self.running else max(0.0, self.due - now)),
        )

    def wait(self, now: float, delay: timedelta = timedelta(0)) -> None:
        """Make the bundle pending, to be claimed after ``delay``."""
        self.running = False
        self.due = now + delay.total_seconds()
        self.hint_at = self.due if delay else now + LATE.total_seconds()
        self.hinted = 0

    def claim(self, session: Session, agent: AgentId, lease: timedelta, nonce: str, now: float) -> Claim:
        """Lease the bundle, which must be pending and due."""
        self.running = True
        self.attempt += 1
        self.agent, self.nonce, self.lease = agent, nonce, lease.total_seconds()
        return Claim(
            lease=self.renew(now),
            session=session,
            input=self.root.input,
            first=self.root.key.start,
            open=self.open,
            tries={index: count for index, count in self.tries.items() if index in self.open},
            lapses=self.lapses,
            lapses_alone=self.lapses_alone,
        )

    def current(self, lease: Lease) -> bool:
        """Return whether ``lease`` has the fence of the last claim, and that claim still holds."""
        return self.running and (self.attempt, self.nonce) == (lease.attempt, lease.nonce)

    def renew(self, now: float) -> Lease:
        """Count a beat; return the lease with a token that tells it from the one before."""
        self.beat += 1
        self.heard = now
        return Lease(key=self.key, agent=self.agent, attempt=self.attempt, nonce=self.nonce, token=str(self.beat))

    def finish(self, tasks: Ranges) -> None:
        """Record that ``tasks`` have an outcome; the lease, whoever holds it, ends with the last one."""
        self.done = self.done | tasks
        self.running = self.running and bool(self.open)

    def lapsed(self, now: float) -> bool:
        """Return whether nothing was heard of the holder for a whole lease."""
        return self.running and now - self.heard >= self.lease

    def lapse(self, now: float) -> None:
        """Make the bundle pending again, and count how many tasks were open when its agent was lost."""
        if self.open.count == 1:
            self.lapses_alone += 1
        else:
            self.lapses += 1
        self.wait(now)

    def carve(self, part: Ranges, remainder: Remainder, now: float) -> "BundleRecord":
        """Return the pending bundle that holds ``part`` of the open tasks: a child, or this one when that is all."""
        tries = self.tries | remainder.tries
        given_back = self if part == self.open else self._child(part)
        self.tries = {index: count for index, count in self.tries.items() if index not in part}
        given_back.tries |= {index: count for index, count in tries.items() if index in part}
        given_back.lapses = self.lapses if remainder.lapses is None else remainder.lapses
        given_back.wait(now, remainder.delay)
        return given_back

    def _child(self, part: Ranges) -> "BundleRecord":
        self.held = self.held - part
        key = BundleKey(self.key.session, part.first, child_birth(self.key, self.attempt))
        return BundleRecord(key=key, root=self.root, held=part)
