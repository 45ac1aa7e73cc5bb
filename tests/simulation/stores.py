"""The stores as one process sees them: in memory, and at the end of a line that breaks."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from htcgrid.connector.cut import bundle_size
from htcgrid.errors import ProviderError, ProviderUnavailableError, ThrottledError
from htcgrid.interfaces import (
    BEGINNING,
    Agents,
    Bundles,
    Entries,
    PayloadStore,
    Renewal,
    Sessions,
    Source,
    StateStore,
    TaskQueue,
)
from htcgrid.model import (
    AgentId,
    AgentReport,
    Bundle,
    BundleKey,
    CancelCounts,
    Claim,
    Commit,
    Committed,
    Delivery,
    GivenBack,
    Hint,
    Lease,
    Remainder,
    Session,
    SessionId,
    SessionStatus,
)
from tests.simulation.faults import Fault, Site
from tests.simulation.scheduler import Process, Waiting

if TYPE_CHECKING:
    from tests.simulation.world import World

_T = TypeVar("_T")
_ROOT = str(Path(__file__).parents[2])
#: How long a request or a reply takes, and one of a slow call: seconds.
_LATENCY = (0.0002, 0.004)
_SLOW = (0.5, 20.0)
#: The calls that win, keep and end leases.
_LEASING = {"claim", "renew", "commit", "give_back"}


class Line:
    """The way from a process to the services: what is asked may be lost, and so may the answer."""

    def __init__(self, world: "World", process: Process) -> None:
        self.world = world
        self._process = process

    def call(self, effect: Callable[[], _T], part: Callable[[], object] | None = None, about: object = "") -> _T:
        """Return what ``effect`` returns; or only a ``part`` is done, or all and nobody learns of it, or nothing.

        The trace says what it is ``about``.
        """
        world = self.world
        if world.scheduler.over:
            # What is unwound may still call; that is no thread's waiting, which is ended.
            raise ProviderUnavailableError("nothing goes on any more")
        strand = world.scheduler.current
        site, verb = self._caller()
        world.faults.calls[site] += 1
        strand.wait(world.random.uniform(*_LATENCY))
        fault = world.faults.of_call(world.scheduler.now, parts=part is not None)
        world.note(self._process.name, verb, about, f"[{fault}]" if fault else "")
        if fault is not None:
            world.faults.faulted[site] += 1
            world.trouble(self._process)
        # What an agent holds depends on some calls, and not on those that may be slow by nature; and it leaves to others
        # what is refused for good.
        losing = fault is Fault.REFUSED or (fault is not None and verb in _LEASING)
        try:
            with world.losing(self._process) if losing else nullcontext():
                self._before(fault, part)
                found = effect()
                self._after(fault)
        finally:
            if fault is not None:
                world.trouble(self._process)
        strand.wait(world.random.uniform(*_LATENCY))
        return found

    def _before(self, fault: Fault | None, part: Callable[[], object] | None) -> None:
        strand, random = self.world.scheduler.current, self.world.random
        match fault:
            case Fault.THROTTLED:
                raise ThrottledError("asked too fast")
            case Fault.REFUSED:
                raise ProviderError("the service cannot take this")
            case Fault.LOST_REQUEST | Fault.OUTAGE:
                strand.wait(random.choice((0.0, 0.1, 2.0)))
                raise ProviderUnavailableError("the request was lost")
            case Fault.PARTIAL if part is not None:
                part()
                raise ProviderUnavailableError("the connection broke in the middle")
            case Fault.SLOW:
                strand.wait(random.uniform(*_SLOW))
            case Fault.CRASH_BEFORE:
                self._crash()
            case _:
                return

    def _after(self, fault: Fault | None) -> None:
        strand, random = self.world.scheduler.current, self.world.random
        match fault:
            case Fault.LOST_REPLY:
                strand.wait(random.choice((0.0, 0.1, 2.0)))
                raise ProviderUnavailableError("the reply was lost")
            case Fault.SLOW:
                strand.wait(random.uniform(*_SLOW))
            case Fault.CRASH_AFTER:
                self._crash()
            case _:
                return

    def _crash(self) -> None:
        self._process.die()
        self.world.scheduler.current.wait()

    def _caller(self) -> tuple[Site, str]:
        """Return who calls which verb of a store."""
        verb = sys._getframe(2)
        caller = verb.f_back
        assert caller is not None
        file = caller.f_code.co_filename.removeprefix(_ROOT).lstrip("/")
        return Site(file, caller.f_lineno), verb.f_code.co_name

    def note(self, *words: object) -> None:
        """Add what came of a call to the trace."""
        self.world.note(self._process.name, *words)

    def waited_for(self, look: Callable[[], _T], good: Callable[[_T], object], wait: timedelta, bell: Waiting) -> _T:
        """Return what ``look`` returns, at the latest after ``wait``, but once it is ``good``."""
        scheduler = self.world.scheduler
        until = scheduler.now + wait.total_seconds()
        while not good(found := look()) and scheduler.now < until:
            scheduler.current.wait(until - scheduler.now, bell)
        return found


class SimulatedStateStore(StateStore):
    """The state store through a line."""

    Settings = msgspec.Struct

    def __init__(self, line: Line) -> None:
        self._line = line
        self._state = line.world.state
        self._bell = line.world.committed
        self.limits = line.world.limits

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> "SimulatedStateStore":
        """Never called: a world makes its stores."""
        raise NotImplementedError

    def _half(self, items: Sequence[_T]) -> Sequence[_T]:
        return items[: self._line.world.random.randrange(len(items) + 1)]

    def create(self, session: Session, bundles: Sequence[Bundle] = (), *, sealed: bool = False) -> None:
        self._line.call(
            lambda: self._state.create(session, bundles, sealed=sealed),
            # Without bundles it is one write.
            (lambda: self._state.create(session, self._half(bundles))) if bundles else None,
            about=f"{session.id} {_spans(bundles)}{' sealed' if sealed else ''}",
        )

    def add(self, session_id: SessionId, bundles: Sequence[Bundle]) -> None:
        def add(bundles: Sequence[Bundle]) -> None:
            self._state.add(session_id, bundles)
            status, ahead = self._state.status([session_id])[0], self._line.world.facts.ahead.get(session_id, inf)
            waiting = status.total - status.ended
            # Of one that its caller named, a bundle is only written once it is full.
            assert waiting <= ahead + bundle_size(status.total), (
                f"{waiting} tasks of {session_id} have not ended, and {ahead} may"
            )

        self._line.call(lambda: add(bundles), lambda: add(self._half(bundles)), f"{session_id} {_spans(bundles)}")

    def seal(self, session_id: SessionId, total: int) -> None:
        self._line.call(lambda: self._state.seal(session_id, total), about=f"{session_id} {total}")

    def claim(self, keys: Sequence[BundleKey], *, agent: AgentId, lease: timedelta) -> list[Claim]:
        def claim(keys: Sequence[BundleKey]) -> list[Claim]:
            claims = self._state.claim(keys, agent=agent, lease=lease)
            for won in claims:
                self._line.note("won", won.key, f"attempt {won.lease.attempt} {won.lease.nonce}", won.open)
            self._line.world.facts.claimed(claims, self._line.world.scheduler.now)
            return claims

        return self._line.call(lambda: claim(keys), lambda: claim(self._half(keys)), " ".join(map(str, keys)))

    def renew(self, leases: Sequence[Lease]) -> Renewal:
        about = " ".join(str(lease.key) for lease in leases)
        return self._line.call(lambda: self._state.renew(leases), lambda: self._state.renew(self._half(leases)), about)

    def commit(self, commits: Sequence[Commit]) -> list[Committed]:
        def commit(commits: Sequence[Commit]) -> list[Committed]:
            answers = self._state.commit(commits)
            for commit, answer in zip(commits, answers, strict=True):
                self._line.note("committed", commit.lease.key, answer.accepted, "refused", answer.refused)
            self._bell.wake()
            return answers

        about = " ".join(f"{one.lease.key} {one.lease.nonce} {one.pack.key or 'inline'}" for one in commits)
        return self._line.call(lambda: commit(commits), lambda: commit(self._half(commits)), about)

    def give_back(self, lease: Lease, remainders: Sequence[Remainder]) -> GivenBack | None:
        return self._line.call(
            lambda: self._state.give_back(lease, remainders),
            lambda: self._state.give_back(lease, self._half(remainders)),
            about=f"{lease.key} {' '.join(str(remainder.ranges) for remainder in remainders)}",
        )

    def due(self, limit: int, *, backlog: bool = False) -> list[Hint]:
        def due(limit: int) -> list[Hint]:
            with self._line.world.lapses():
                return self._state.due(limit, backlog=backlog)

        return self._line.call(lambda: due(limit), lambda: due(self._line.world.random.randrange(limit)))

    def cancel(self, session_ids: Sequence[SessionId]) -> list[CancelCounts]:
        def cancel() -> list[CancelCounts]:
            counts = self._state.cancel(session_ids)
            self._bell.wake()
            return counts

        return self._line.call(cancel, about=" ".join(session_ids))

    def status(self, session_ids: Sequence[SessionId]) -> list[SessionStatus]:
        return self._line.call(lambda: self._state.status(session_ids))

    def outcomes(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, wait: timedelta = timedelta(0)
    ) -> Entries:
        # A page may be shorter than asked for, as those of real services are.
        page = self._line.world.random.choice((1, 3, limit))
        return self._line.call(
            lambda: self._line.waited_for(
                lambda: self._state.outcomes(session_id, cursor, limit=page),
                lambda found: found.entries or found.closed,
                wait,
                self._bell,
            )
        )

    def sessions(self, cursor: str = BEGINNING, *, limit: int = 100) -> Sessions:
        return self._line.call(lambda: self._state.sessions(cursor, limit=limit))

    def bundles(
        self, session_id: SessionId, cursor: str = BEGINNING, *, limit: int = 100, task: int | None = None
    ) -> Bundles:
        return self._line.call(lambda: self._state.bundles(session_id, cursor, limit=limit, task=task))

    def register(self, report: AgentReport) -> None:
        self._line.call(lambda: self._state.register(report))

    def agents(self, cursor: str = BEGINNING, *, limit: int = 100, pool: str | None = None) -> Agents:
        return self._line.call(lambda: self._state.agents(cursor, limit=limit, pool=pool))

    def delete(self, session_id: SessionId) -> None:
        def delete() -> None:
            self._state.delete(session_id)
            self._bell.wake()

        self._line.call(delete, about=session_id)

    def expired(self, limit: int) -> list[SessionId]:
        return self._line.call(lambda: self._state.expired(limit))

    def collect(self, session_id: SessionId, limit: int) -> bool:
        return self._line.call(
            lambda: self._state.collect(session_id, limit),
            lambda: self._state.collect(session_id, self._line.world.random.randrange(5)),
            about=session_id,
        )


class SimulatedTaskQueue(TaskQueue):
    """The task queue through a line; its hints are lost, doubled, late, stale, reordered, and come again."""

    Settings = msgspec.Struct

    def __init__(self, line: Line) -> None:
        self._line = line
        self._queue = line.world.queue
        self._world = line.world
        self.limits = self._queue.limits

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> "SimulatedTaskQueue":
        """Never called: a world makes its stores."""
        raise NotImplementedError

    def send(self, hints: Sequence[Hint]) -> None:
        half = hints[: self._world.random.randrange(len(hints) + 1)]
        self._line.call(lambda: self._send(hints), lambda: self._send(half), " ".join(str(hint.key) for hint in hints))

    def receive(self, limit: int, *, wait: timedelta, pool: str, above: int | None = None) -> list[Delivery]:
        def look() -> list[Delivery]:
            return self._queue.receive(limit, wait=timedelta(0), pool=pool, above=above)

        found = self._line.call(lambda: self._line.waited_for(look, bool, wait, self._world.hinted))
        if len(found) > 1 and self._world.faults.happens(Fault.HINT_REORDERED):
            self._world.random.shuffle(found)
        return found

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        kept = [delivery for delivery in deliveries if self._world.faults.happens(Fault.HINT_KEPT)]

        def ack(deliveries: Sequence[Delivery]) -> None:
            self._queue.ack(deliveries)
            self._later([delivery.hint for delivery in kept])

        half = deliveries[: self._world.random.randrange(len(deliveries) + 1)]
        about = " ".join(str(delivery.hint.key) for delivery in deliveries)
        self._line.call(lambda: ack(deliveries), lambda: ack(half), about)

    def depth(self) -> int | None:
        return self._line.call(self._queue.depth)

    def _send(self, hints: Sequence[Hint]) -> None:
        faults, world = self._world.faults, self._world
        for hint in hints:
            if faults.happens(Fault.HINT_LOST):
                continue
            if faults.happens(Fault.HINT_LATE):
                self._later([hint])
                continue
            self._now([hint, hint] if faults.happens(Fault.HINT_DOUBLED) else [hint])
            world.hints.append(hint)
            if faults.happens(Fault.HINT_STALE):
                self._later([world.random.choice(world.hints)])

    def _now(self, hints: list[Hint]) -> None:
        self._queue.send(hints)
        self._world.hinted.wake()

    def _later(self, hints: list[Hint]) -> None:
        if hints:
            scheduler = self._world.scheduler
            scheduler.at(scheduler.now + self._world.random.uniform(0.1, 90.0), lambda: self._now(hints))


class SimulatedPayloadStore(PayloadStore):
    """The payload store through a line; what it gives may be altered, or not there yet."""

    Settings = msgspec.Struct

    def __init__(self, line: Line) -> None:
        self._line = line
        self._payloads = line.world.payloads
        self._world = line.world
        self.limits = self._payloads.limits

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> "SimulatedPayloadStore":
        """Never called: a world makes its stores."""
        raise NotImplementedError

    def put(self, blobs: Mapping[str, bytes]) -> None:
        def put(keys: Sequence[str]) -> None:
            for key in keys:
                known = bool(self._payloads.get([key]))
                altered = not known and self._world.faults.happens(Fault.ALTERED, 0.2)
                self._payloads.put({key: _altered(blobs[key], 1) if altered else blobs[key]})
                if altered:
                    self._world.facts.altered.add(key)

        keys = list(blobs)
        half = keys[: self._world.random.randrange(len(keys) + 1)]
        self._line.call(lambda: put(keys), lambda: put(half), " ".join(keys))

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        keys = list(keys)
        found = self._line.call(lambda: self._payloads.get(keys), about=" ".join(keys))
        for key in list(found):
            if self._world.faults.happens(Fault.ALTERED_ON_THE_WAY):
                # Another bit than in the store: twice the same would mend it.
                found[key] = _altered(found[key], 2)
                self._world.facts.misread[key] += 1
            elif self._world.faults.happens(Fault.LATE_PAYLOAD):
                del found[key]
                self._world.facts.misread[key] += 1
        return found

    def delete(self, keys: Iterable[str] = (), *, prefix: str | None = None) -> None:
        keys = list(keys)
        self._line.call(
            lambda: self._payloads.delete(keys, prefix=prefix), lambda: self._payloads.delete(keys[1:]), prefix
        )


def _spans(bundles: Sequence[Bundle]) -> str:
    return " ".join(f"{bundle.key.start}-{bundle.stop}" for bundle in bundles)


def _altered(data: bytes, bit: int) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([(data[middle] if data else 0) ^ bit]) + data[middle + 1 :]
