"""What goes wrong, how often, and where it did."""

from collections import Counter
from enum import StrEnum
from random import Random
from typing import NamedTuple


class Fault(StrEnum):
    """Kinds of faults; :class:`Faults` counts each that really happened."""

    # Of any call of a store.
    LOST_REQUEST = "request lost"
    LOST_REPLY = "reply lost"
    THROTTLED = "throttled"
    REFUSED = "refused for good"
    PARTIAL = "part of a batch done"
    SLOW = "slow call"
    CRASH_BEFORE = "crash before a call's effect"
    CRASH_AFTER = "crash after a call's effect"
    OUTAGE = "store away"
    # Of hints.
    HINT_LOST = "hint lost"
    HINT_DOUBLED = "hint doubled"
    HINT_LATE = "hint late"
    HINT_STALE = "hint of long ago"
    HINT_REORDERED = "hints reordered"
    HINT_KEPT = "hint that comes again after its ack"
    # Of payloads.
    ALTERED_ON_THE_WAY = "payload altered on the way"
    ALTERED = "payload altered in the store"
    LATE_PAYLOAD = "payload seen late"
    # Of processes.
    AGENT_CRASH = "agent crashed"
    AGENT_STOPPED = "agent told to stop"
    CLIENT_CRASH = "client crashed"
    REAPER_CRASH = "reaper crashed"
    SHORT_PAUSE = "process paused"
    LONG_PAUSE = "process paused past its lease"
    # Of workers and handlers.
    WORKER_DIED = "worker died"
    WORKER_DIED_UNBEGUN = "worker died before a task began"
    WORKER_NOT_STARTED = "worker ended at its start"
    WORKER_HUNG = "worker hung"
    WORKER_HUNG_UNBEGUN = "worker hung before a task began"
    AGENT_KILLED_BY_TASK = "task that takes its agent along"
    HANDLER_RAISED = "handler raised"
    # Of clocks.
    CLOCK_OFF = "time of day off"
    CLOCK_JUMPED = "time of day jumped"
    STORE_CLOCK_JUMPED = "the store's clock jumped"
    # Of users.
    CANCELLED = "session cancelled"
    DELETED = "session deleted"
    SUBMITTED_AGAIN = "session submitted again"
    SUBMITTED_TWICE = "session submitted by two clients at once"
    SECOND_REAPER = "second reaper"
    NO_REAPER = "no reaper for a while"


#: Those that may befall any call.
CALL_FAULTS = (
    Fault.LOST_REQUEST,
    Fault.LOST_REPLY,
    Fault.THROTTLED,
    Fault.REFUSED,
    Fault.PARTIAL,
    Fault.SLOW,
    Fault.CRASH_BEFORE,
    Fault.CRASH_AFTER,
)
#: How often each may happen in a run where it may at all, relative to the others.
_WEIGHTS = {Fault.REFUSED: 0.05, Fault.CRASH_BEFORE: 0.3, Fault.CRASH_AFTER: 0.3, Fault.SLOW: 0.5}


class Site(NamedTuple):
    """A place in the code that calls a store."""

    file: str
    line: int


class Faults:
    """Decides what goes wrong, as long as anything may; each run has only some kinds, so that they also come alone."""

    def __init__(self, random: Random) -> None:
        self._random = random
        intensity = random.choice((0.0, 0.003, 0.01, 0.03, 0.1))
        self._rates = {
            fault: intensity * _WEIGHTS.get(fault, 1.0) if random.random() < 0.6 else 0.0 for fault in CALL_FAULTS
        }
        rare = random.choice((0.0, 0.01, 0.05, 0.2))
        self._rates |= {fault: rare if random.random() < 0.6 else 0.0 for fault in Fault if fault not in CALL_FAULTS}
        #: Whether anything goes wrong now.
        self.on = True
        self.counts = Counter[Fault]()
        #: Calls, and faults of calls, by site.
        self.calls = Counter[Site]()
        self.faulted = Counter[Site]()
        #: Times between which the stores are away.
        self.outages: list[tuple[float, float]] = []

    def happens(self, fault: Fault, factor: float = 1.0) -> bool:
        """Return whether a fault happens now, and count it if so."""
        found = self.on and self._random.random() < self._rates[fault] * factor
        if found:
            self.counts[fault] += 1
        return found

    def may(self, fault: Fault) -> bool:
        """Return whether this run has faults of this kind."""
        return self._rates[fault] > 0

    def of_call(self, now: float, *, parts: bool) -> Fault | None:
        """Return what goes wrong with a call, if anything does; ``parts`` when a part of it may be done."""
        if not self.on:
            return None
        if any(start <= now < stop for start, stop in self.outages):
            self.counts[Fault.OUTAGE] += 1
            return Fault.OUTAGE
        for fault in CALL_FAULTS:
            if (parts or fault is not Fault.PARTIAL) and self.happens(fault):
                return fault
        return None
