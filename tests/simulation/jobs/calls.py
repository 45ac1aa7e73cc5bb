"""Users who call functions."""

from concurrent.futures import Future
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from htcgrid import Grid
from htcgrid.errors import TaskError
from htcgrid.model import SessionId
from htcgrid.model.codec import PICKLE
from tests.simulation.functions import Boom, Pricing, pricing
from tests.simulation.host import SimulatedHost, SimulatedQueue
from tests.simulation.jobs.again import collect_again, submitted_again
from tests.simulation.jobs.job import HANDLER, Job
from tests.simulation.work import Work

if TYPE_CHECKING:
    from tests.simulation.world import World

#: Which share of users takes a function along that has no name.
_TAKES_ALONG = 0.4


class _Calling(Job):
    """Calls a function with each of some tasks; some take it along, and call it again where it failed."""

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._along: Pricing | None = pricing(self.rare) if self.rare.random() < _TAKES_ALONG else None
        #: The session of the calls once all have ended; only those of a function that was taken along.
        self._first: SessionId | None = None

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Call, and get each call's own result; then do so with those that failed."""
        if self._first is None:
            options = self.options()
            tasks = self.tasks(options, most=100)
            if self._along is None:
                self._call(grid, host, options, tasks)
                return
            name = self.world.name("calls")
            options |= {"codec": PICKLE, "labels": {**options["labels"], "calls": name}}
            tasks = [self._of_function(work, self._along) for work in tasks]
            if not self._call(grid, host, options, tasks):
                return
            self._first = self._found(grid, name, tasks)
        self._call_again(grid, self._first)

    def _call(self, grid: Grid, host: SimulatedHost, options: dict[str, Any], tasks: list[Work]) -> bool:
        """Call, and look at what comes of it; return whether all calls have ended."""
        raise NotImplementedError

    @property
    def _function(self) -> Any:
        return self._along or HANDLER

    def _of_function(self, work: Work, function: Pricing) -> Work:
        """Return a task for a function; some fail however often they are tried, so that there is what to call again."""
        raises = 9 if self.rare.random() < 0.05 else work.raises
        return msgspec.structs.replace(work, function=function.says, raises=raises)

    def _found(self, grid: Grid, name: str, tasks: list[Work]) -> SessionId:
        """Return the session of the calls, which only its labels name."""
        (status,) = grid.sessions(labels={"calls": name})
        self.session = status.session.id
        self.world.facts.meant[self.session] = dict(enumerate(tasks))
        self.world.facts.accepted[self.session] = len(tasks)
        return self.session

    def _call_again(self, grid: Grid, first: SessionId) -> None:
        facts = self.world.facts
        again = submitted_again(grid, first, facts, pickle=True)
        if again is None:
            return
        if self.rare.random() < 0.3:
            # The other has all that it needs.
            facts.ended.add(first)
            grid.session(first).delete()
        collect_again(*again, facts)


class Calls(_Calling):
    """Makes calls through an executor."""

    def _call(self, grid: Grid, host: SimulatedHost, options: dict[str, Any], tasks: list[Work]) -> bool:
        ended: SimulatedQueue[tuple[Work, Future[Any]]] = host.queue()
        with grid.executor(self.random.choice((None, 3)), **options) as pool:
            for work in tasks:
                future: Future[Any] = pool.submit(self._function, work.event)
                future.add_done_callback(partial(_put, ended, work))
                if self.random.random() < 0.05:
                    host.sleep(self.random.uniform(0, 2))
            for _ in tasks:
                work, future = ended.get()
                error = future.exception()
                if error is None:
                    assert future.result() == work.value
                elif not _is_own(error, work):
                    raise error
        return True


def _put(ended: SimulatedQueue[tuple[Work, Future[Any]]], work: Work, future: Future[Any]) -> None:
    ended.put((work, future))


def _is_own(error: BaseException, work: Work) -> bool:
    """Return whether an error is how a call may end; what a function raised must be what this one did."""
    if isinstance(error, Boom):
        assert error.args == (work.number,), f"call {work.number} raised {error!r}"
        return True
    return isinstance(error, TaskError)


class Mapping(_Calling):
    """Maps a function over tasks, to the end or not."""

    def _call(self, grid: Grid, host: SimulatedHost, options: dict[str, Any], tasks: list[Work]) -> bool:
        leave = self.random.choice((None, None, len(tasks) // 2))
        events = (work.event for work in tasks)
        ahead = self.random.choice((1, 20, 1000))
        results = grid.map(self._function, events, return_exceptions=True, ahead=ahead, **options)
        with closing(results):
            for place, result in enumerate(results):
                if place == leave:
                    return False
                if isinstance(result, Exception):
                    assert _is_own(result, tasks[place]), result
                else:
                    assert result == tasks[place].value
                if self.random.random() < 0.02:
                    host.sleep(self.random.uniform(0, 3))
        return True
