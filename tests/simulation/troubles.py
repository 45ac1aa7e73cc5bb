"""When an agent may lose leases: one that is well loses none, whatever befalls the others."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

from tests.simulation.scheduler import Process, Scheduler


class Troubles:
    """What befell the agents that may have cost them a lease."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        #: By process: its calls under way that go wrong, and when the last one ended.
        self._open = Counter[str]()
        self._last: dict[str, float] = {}
        #: What the store's clock was ahead by, and since when.
        self._clock: list[tuple[float, float]] = [(0.0, 0.0)]

    @contextmanager
    def of(self, process: Process) -> Iterator[None]:
        """Note that meanwhile a process may lose leases."""
        self._open[process.name] += 1
        try:
            yield
        finally:
            self._open[process.name] -= 1
            self._last[process.name] = self._scheduler.now

    def clock_set(self, ahead: float) -> None:
        """Note what the store's clock is ahead by from now on: any agent may pay for that."""
        self._clock.append((self._scheduler.now, ahead))

    def told_at(self, told: float) -> float:
        """Return the earliest time at which the store's clock may have told a time."""
        ends = [began for began, _ in self._clock[1:]] + [inf]
        return next(
            told - ahead
            for (began, ahead), end in zip(self._clock, ends, strict=True)
            if began - 1e-6 <= told - ahead <= end + 1e-6
        )

    def excuse(self, process: Process, since: float) -> bool:
        """Return whether a process may have lost a lease since a time."""
        last = max(self._last.get(process.name, -inf), process.paused_until, self._clock[-1][0] or -inf)
        return last > since or self._open[process.name] > 0
