"""A simulated machine: what :class:`htcgrid.host.Host` asks for, on virtual time."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from queue import Empty
from types import TracebackType
from typing import Generic, TypeVar

from tests.simulation.scheduler import Process, Scheduler, Strand, Waiting

_Item = TypeVar("_Item")
#: The day on which all simulations begin.
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class SimulatedLock:
    """A lock that the strand which has it may take again, when ``reentrant``."""

    def __init__(self, scheduler: Scheduler, *, reentrant: bool) -> None:
        self._scheduler = scheduler
        self._reentrant = reentrant
        self._owner: Strand | None = None
        self._count = 0
        self._waiting = Waiting()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """See :meth:`htcgrid.host.Lock.acquire`."""
        if self._scheduler.over:
            return True
        me = self._scheduler.current
        if self._owner is me and self._reentrant:
            self._count += 1
            return True
        self._scheduler.preempt()
        until = None if timeout < 0 else self._scheduler.now + timeout
        while self._owner is not None:
            left = None if until is None else until - self._scheduler.now
            if not blocking or (left is not None and left <= 0):
                return False
            me.wait(left, self._waiting)
        self._owner, self._count = me, 1
        return True

    def release(self) -> None:
        """See :meth:`htcgrid.host.Lock.release`."""
        self._count -= 1
        if self._count <= 0:
            self._owner, self._count = None, 0
            self._waiting.wake()

    def give_up(self) -> int:
        """Release it altogether; return how often it was taken."""
        count, self._count = self._count, 1
        self.release()
        return count

    def take_again(self, count: int) -> None:
        """Take it as often as it was taken."""
        self.acquire()
        self._count = count

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.release()


class SimulatedCondition(SimulatedLock):
    """See :class:`htcgrid.host.Condition`."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler, reentrant=True)
        self._sleepers = Waiting()

    def wait(self, timeout: float | None = None) -> bool:
        """See :meth:`htcgrid.host.Condition.wait`."""
        count = self.give_up()
        try:
            return self._scheduler.current.wait(timeout, self._sleepers)
        finally:
            self.take_again(count)

    def wait_for(self, predicate: Callable[[], object], timeout: float | None = None) -> object:
        """See :meth:`htcgrid.host.Condition.wait_for`."""
        until = None if timeout is None else self._scheduler.now + timeout
        while not (found := predicate()):
            left = None if until is None else until - self._scheduler.now
            if left is not None and left <= 0:
                break
            self.wait(left)
        return found

    def notify_all(self) -> None:
        """See :meth:`htcgrid.host.Condition.notify_all`."""
        self._sleepers.wake()


class SimulatedFlag:
    """See :class:`htcgrid.host.Flag`."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._set = False
        self._waiting = Waiting()

    def is_set(self) -> bool:
        """See :meth:`htcgrid.host.Flag.is_set`."""
        return self._set

    def set(self) -> None:
        """See :meth:`htcgrid.host.Flag.set`."""
        self._set = True
        self._waiting.wake()

    def wait(self, timeout: float | None = None) -> bool:
        """See :meth:`htcgrid.host.Flag.wait`."""
        if not self._set:
            self._scheduler.current.wait(timeout, self._waiting)
        return self._set


class SimulatedQueue(Generic[_Item]):
    """See :class:`htcgrid.host.Queue`."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._items: deque[_Item] = deque()
        self._waiting = Waiting()

    def put(self, item: _Item) -> None:
        """See :meth:`htcgrid.host.Queue.put`."""
        self._items.append(item)
        self._waiting.wake()

    def get(self, block: bool = True, timeout: float | None = None) -> _Item:
        """See :meth:`htcgrid.host.Queue.get`."""
        until = None if timeout is None else self._scheduler.now + timeout
        while not self._items:
            left = None if until is None else until - self._scheduler.now
            if not block or (left is not None and left <= 0):
                raise Empty
            self._scheduler.current.wait(left, self._waiting)
        return self._items.popleft()


class SimulatedThread:
    """See :class:`htcgrid.host.Thread`."""

    def __init__(self, scheduler: Scheduler, process: Process, run: Callable[[], object], name: str) -> None:
        self._scheduler = scheduler
        self._strand = Strand(scheduler, process, run, name)

    @property
    def current(self) -> bool:
        """See :attr:`htcgrid.host.Thread.current`."""
        return self._scheduler.current is self._strand

    def start(self) -> None:
        """See :meth:`htcgrid.host.Thread.start`."""
        self._strand.begin()

    def join(self, timeout: float | None = None) -> None:
        """See :meth:`htcgrid.host.Thread.join`."""
        if not self._strand.ended:
            self._scheduler.current.wait(timeout, self._strand.joining)


class SimulatedHost:
    """The machine that one process runs on; see :class:`htcgrid.host.Host`."""

    def __init__(self, scheduler: Scheduler, process: Process) -> None:
        self._scheduler = scheduler
        self._process = process

    def monotonic(self) -> float:
        """See :meth:`htcgrid.host.Host.monotonic`."""
        return self._scheduler.now + self._process.boot

    def now(self) -> datetime:
        """See :meth:`htcgrid.host.Host.now`."""
        return EPOCH + timedelta(seconds=self._scheduler.now + self._process.skew)

    def sleep(self, seconds: float) -> None:
        """See :meth:`htcgrid.host.Host.sleep`."""
        self._scheduler.current.wait(seconds)

    def token(self) -> str:
        """See :meth:`htcgrid.host.Host.token`."""
        return f"{self._scheduler.random.getrandbits(64):016x}"

    def lock(self) -> SimulatedLock:
        """See :meth:`htcgrid.host.Host.lock`."""
        return SimulatedLock(self._scheduler, reentrant=False)

    def condition(self) -> SimulatedCondition:
        """See :meth:`htcgrid.host.Host.condition`."""
        return SimulatedCondition(self._scheduler)

    def flag(self) -> SimulatedFlag:
        """See :meth:`htcgrid.host.Host.flag`."""
        return SimulatedFlag(self._scheduler)

    def queue(self) -> SimulatedQueue[_Item]:
        """See :meth:`htcgrid.host.Host.queue`."""
        return SimulatedQueue(self._scheduler)

    def thread(self, run: Callable[[], object], *, name: str) -> SimulatedThread:
        """See :meth:`htcgrid.host.Host.thread`."""
        return SimulatedThread(self._scheduler, self._process, run, name)

    def at_exit(self, callback: Callable[[], object]) -> None:
        """See :meth:`htcgrid.host.Host.at_exit`; simulated programs do not end by themselves."""
