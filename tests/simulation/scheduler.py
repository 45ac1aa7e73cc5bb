"""Virtual time, and threads that are none: one runs at a time, and only where it waits may another go on."""

import heapq
import logging
from collections.abc import Callable
from itertools import count
from random import Random

from greenlet import GreenletExit, getcurrent, greenlet

#: How often a thread that takes a lock is interrupted before.
_PREEMPTED = 0.1
#: Most that may happen at one time.
_ACTIONS = 100_000


class Process:
    """A program with its threads: they end together, and stand still together."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        #: It stands still until this time.
        self.paused_until = 0.0
        #: How far its time of day is off, and where its monotonic clock began: seconds.
        self.skew = 0.0
        self.boot = 0.0
        #: Called when it dies, in this order.
        self.on_death: list[Callable[[], None]] = []

    def die(self) -> None:
        """End without a word: no thread of it runs on, not even a ``finally``."""
        if self.alive:
            self.alive = False
            for tell in self.on_death:
                tell()


class Strand:
    """A thread of a process, as the scheduler sees it."""

    def __init__(self, scheduler: "Scheduler", process: Process, run: Callable[[], object], name: str) -> None:
        self.scheduler = scheduler
        self.process = process
        self.name = name
        self.ended = False
        #: Those that wait for its end.
        self.joining = Waiting()
        self._run = run
        #: Counts its waits, so that what was to end one does not end the next.
        self._wait = 0
        self._woken = False
        self.greenlet = greenlet(self._live, scheduler.hub)

    def wait(self, seconds: float | None = None, among: "Waiting | None" = None) -> bool:
        """Let the others go on for ``seconds``, or until those ``among`` whom it waits are woken; return whether so."""
        self.scheduler.check()
        self._wait += 1
        self._woken = False
        number = self._wait
        if among is not None:
            among.append((self, number))
        if seconds is not None:
            self.scheduler.at(self.scheduler.now + max(0.0, seconds), lambda: self._resume(number), self.process)
        self.scheduler.hub.switch()
        self.scheduler.check()
        return self._woken

    def wake(self, number: int) -> None:
        """End its wait of this number, if it has not ended, a moment later."""
        if number == self._wait and not self._woken:
            self._woken = True
            self.scheduler.at(self.scheduler.now, lambda: self._resume(number), self.process)

    def begin(self) -> None:
        """Let it run for the first time."""
        self.scheduler.at(self.scheduler.now, self.greenlet.switch, self.process)

    def _resume(self, number: int) -> None:
        if number == self._wait and not self.ended:
            self._wait += 1
            self.greenlet.switch()

    def _live(self) -> None:
        self.scheduler.strands[self.greenlet] = self
        try:
            self._run()
        except GreenletExit:
            return
        except BaseException as error:  # noqa: BLE001 - a thread that ends by an error is a defect, which the run tells
            self.scheduler.crashes.append((self.process.name, self.name, error))
        finally:
            self.ended = True
            self.scheduler.strands.pop(self.greenlet, None)
            self.joining.wake()


class Waiting(list[tuple[Strand, int]]):
    """Strands that wait for the same, with the numbers of their waits."""

    def wake(self) -> None:
        """Let all of them go on."""
        strands = list(self)
        self.clear()
        for strand, number in strands:
            strand.wake(number)


class Scheduler:
    """Runs strands on virtual time; ties between them are settled by the seed."""

    def __init__(self, random: Random) -> None:
        self.now = 0.0
        self.random = random
        self.hub = getcurrent()
        self.strands: dict[greenlet, Strand] = {}
        #: Process, thread and error of threads that ended by an error.
        self.crashes: list[tuple[str, str, BaseException]] = []
        self._agenda: list[tuple[float, float, int, Callable[[], object], Process | None]] = []
        self._numbers = count()
        self._over = False

    @property
    def current(self) -> Strand:
        """The strand that runs now."""
        return self.strands[getcurrent()]

    @property
    def over(self) -> bool:
        """Whether nothing goes on any more, and strands are only unwound."""
        return self._over

    def at(self, time: float, action: Callable[[], object], process: Process | None = None) -> None:
        """Do something at a time, unless the process is dead by then; later when it stands still."""
        heapq.heappush(self._agenda, (time, self.random.random(), next(self._numbers), action, process))

    def spawn(self, process: Process, run: Callable[[], object], name: str) -> Strand:
        """Start a thread of a process."""
        strand = Strand(self, process, run, name)
        strand.begin()
        return strand

    def run(self, until: float) -> None:
        """Go on until a time."""
        agenda, actions, instant = self._agenda, 0, self.now
        while agenda and agenda[0][0] <= until:
            time, _, _, action, process = heapq.heappop(agenda)
            if process is not None and not process.alive:
                continue
            if process is not None and process.paused_until > time:
                self.at(process.paused_until, action, process)
                continue
            self.now = max(self.now, time)
            actions, instant = (actions + 1, instant) if self.now == instant else (0, self.now)
            assert actions < _ACTIONS, f"at {instant} s something goes on for ever"
            action()
        self.now = max(self.now, until)

    def preempt(self) -> None:
        """Let others go on now and then, where real threads could be interrupted."""
        if self.random.random() < _PREEMPTED:
            self.current.wait(0)

    def check(self) -> None:
        """Unwind the strand that asks when nothing goes on any more."""
        if self._over:
            raise GreenletExit

    def end(self) -> None:
        """Unwind all strands, those of the dead too; what they do meanwhile has no effect, and is not logged."""
        self._over = True
        # The tops of threads log what ends them, which is an error there, and is none here.
        before = logging.root.manager.disable
        logging.disable()
        try:
            for strand in list(self.strands.values()):
                strand.greenlet.throw(GreenletExit)
        finally:
            logging.disable(before)
