"""The way from one process to the stores: what is asked may be lost, and so may the answer."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from htcgrid.errors import ProviderError, ProviderUnavailableError, ThrottledError
from tests.simulation.faults import Fault, Site
from tests.simulation.scheduler import Process, Waiting

if TYPE_CHECKING:
    from tests.simulation.world import World

_T = TypeVar("_T")


_ROOT = str(Path(__file__).parents[3])
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
        # What an agent holds depends on some calls, and not on those that may be slow by nature; and what is refused
        # for good it leaves to others.
        losing = fault is Fault.REFUSED or (fault is not None and verb in _LEASING)
        with world.troubles.of(self._process) if losing else nullcontext():
            self._before(fault, part)
            found = effect()
            self._after(fault)
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
