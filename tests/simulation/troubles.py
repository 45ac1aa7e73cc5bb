"""When an agent may lose leases: one that is well loses none, whatever befalls the others."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

from tests.simulation.scheduler import Process, Scheduler

#: For so long a store's clock that was set may end leases too early, or too late: seconds.
_LONG = 1000.0


class Troubles:
    """What befell the agents that may have cost them a lease."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        #: By process: its calls under way that go wrong, and when the last one ended.
        self._open = Counter[str]()
        self._last: dict[str, float] = {}
        self._clock_set = -inf

    @contextmanager
    def of(self, process: Process) -> Iterator[None]:
        """Note that meanwhile a process may lose leases."""
        self._open[process.name] += 1
        try:
            yield
        finally:
            self._open[process.name] -= 1
            self._last[process.name] = self._scheduler.now

    def clock_set(self) -> None:
        """Note that the store's clock was set, which any agent may pay for."""
        self._clock_set = self._scheduler.now

    def excuse(self, process: Process, since: float) -> bool:
        """Return whether a process may have lost a lease since a time."""
        last = max(self._last.get(process.name, -inf), process.paused_until)
        return last > since or self._open[process.name] > 0 or self._clock_set > self._scheduler.now - _LONG
