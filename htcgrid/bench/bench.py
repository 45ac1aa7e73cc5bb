"""The measurements in their order, and what came of them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import NamedTuple

from htcgrid.bench import measures
from htcgrid.connector import Grid
from htcgrid.interfaces import total_usage

#: The lengths of tasks of which the overhead is measured: seconds.
LENGTHS = (0.001, 0.01, 0.1, 1.0)
#: Tasks whose requests are counted: many in one session, and as many sessions of one.
_MANY, _ALONE = 10_000, 100


class Plan(NamedTuple):
    """What to measure."""

    tasks: int
    trips: int
    runs: int
    #: For how long about tasks of each length are run.
    seconds: float
    workers: int
    pool: str


class Row(NamedTuple):
    """One measure: a value for each run."""

    name: str
    unit: str
    values: list[float]


class Bench:
    """Measures a grid. ``agent`` runs one beside a block, for its pool; None where others run agents."""

    def __init__(self, grid: Grid, plan: Plan, agent: Callable[[], AbstractContextManager[object]] | None) -> None:
        self._grid = grid
        self._plan = plan
        self._agent = agent

    def rows(self) -> Iterator[Row]:
        """Yield each measure once it is known."""
        with self._agents():
            with ExitStack() as ending:
                # Workers start, and import what they need.
                measures.echoes(self._grid, 100 * self._plan.workers, ending, pool=self._plan.pool)
            for measure in (self._bulk, self._trips, self._shares):
                with ExitStack() as ending:
                    yield from measure(ending)
        yield from self._usage()

    def _bulk(self, ending: ExitStack) -> Iterator[Row]:
        plan, named = self._plan, f"{self._plan.tasks:,} tasks"
        runs = [measures.echoes(self._grid, plan.tasks, ending, pool=plan.pool) for _ in range(plan.runs)]
        yield Row(f"submit {named}", "tasks/s", [run.tasks / run.submitted for run in runs])
        yield Row(f"submit, run and fetch {named}", "tasks/s", [run.tasks / run.ended for run in runs])

    def _trips(self, ending: ExitStack) -> Iterator[Row]:
        plan = self._plan
        runs = [measures.round_trips(self._grid, plan.trips, ending, pool=plan.pool) for _ in range(plan.runs)]
        for percent in (50, 99):
            values = [1000 * measures.share(run, percent) for run in runs]
            yield Row(f"one task there and back, p{percent}", "ms", values)

    def _shares(self, ending: ExitStack) -> Iterator[Row]:
        plan = self._plan
        for seconds in LENGTHS:
            # As many for each worker, so that none has nothing to do at the end.
            count = plan.workers * max(1, round(plan.seconds / seconds))
            runs = [
                measures.usage(self._grid, seconds, count, plan.workers, ending, pool=plan.pool)
                for _ in range(plan.runs)
            ]
            named = f"tasks of {seconds * 1000:g} ms"
            yield Row(f"{named}: workers at work", "%", [100 * run.share for run in runs])
            yield Row(f"{named}: overhead per task", "ms", [1000 * run.overhead for run in runs])

    def _usage(self) -> Iterator[Row]:
        """Yield what a task costs in requests, and in whatever else the providers count."""
        for name, run, tasks in (
            (f"a task among {_MANY:,}", measures.echoes, _MANY),
            ("a lone task", measures.round_trips, _ALONE),
        ):
            with ExitStack() as ending:
                counts = self._used(partial(run, self._grid, tasks, ending, pool=self._plan.pool))
                who = "" if self._agent else " of the client"
                for what, count in counts.items():
                    yield Row(f"{name}: {what}{who}", "per task", [count / tasks])

    def _used(self, run: Callable[[], object]) -> dict[str, float]:
        """Return what a run came to, with that of its agent if it has one of its own."""
        grid, pool = self._grid, self._plan.pool
        known = {agent.report.id for agent in grid.agents(pool=pool)}
        before = grid.usage()
        with self._agents():
            run()
            after = grid.usage()
        counts = {name: count - before.get(name, 0.0) for name, count in after.items()}
        if self._agent is None:
            return counts
        new = (agent.report.usage for agent in grid.agents(pool=pool) if agent.report.id not in known)
        return total_usage([counts, *new])

    def _agents(self) -> AbstractContextManager[object]:
        return nullcontext() if self._agent is None else self._agent()
