"""Users who call functions."""

from concurrent.futures import Future
from contextlib import closing
from functools import partial
from typing import Any

from htcgrid import Grid
from htcgrid.errors import TaskError
from tests.simulation.host import SimulatedHost, SimulatedQueue
from tests.simulation.jobs.job import Job
from tests.simulation.work import Work


class Calls(Job):
    """Makes calls through an executor."""

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Call, and get each call's own result."""
        options = self.options()
        tasks = self.tasks(options, most=100)
        ended: SimulatedQueue[tuple[Work, Future[Any]]] = host.queue()
        with grid.executor(self.random.choice((None, 3)), **options) as pool:
            for work in tasks:
                future: Future[Any] = pool.submit("book:price", work.event)  # type: ignore[arg-type]
                future.add_done_callback(partial(_put, ended, work))
                if self.random.random() < 0.05:
                    host.sleep(self.random.uniform(0, 2))
            for _ in tasks:
                work, future = ended.get()
                error = future.exception()
                if error is None:
                    assert future.result() == work.value
                elif not isinstance(error, TaskError):
                    raise error


def _put(ended: SimulatedQueue[tuple[Work, Future[Any]]], work: Work, future: Future[Any]) -> None:
    ended.put((work, future))


class Mapping(Job):
    """Maps a function over tasks, to the end or not."""

    def run(self, grid: Grid, host: SimulatedHost) -> None:
        """Map, and get the results in their order."""
        options = self.options()
        tasks = self.tasks(options, most=100)
        leave = self.random.choice((None, None, len(tasks) // 2))
        events = (work.event for work in tasks)
        ahead = self.random.choice((1, 20, 1000))
        results = grid.map("book:price", events, return_exceptions=True, ahead=ahead, **options)
        with closing(results):
            for place, result in enumerate(results):
                if place == leave:
                    return
                if not isinstance(result, TaskError):
                    assert not isinstance(result, Exception), result
                    assert result == tasks[place].value
                if self.random.random() < 0.02:
                    host.sleep(self.random.uniform(0, 3))
