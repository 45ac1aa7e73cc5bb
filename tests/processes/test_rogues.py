"""A task that has its worker lie to its agent: the worker is replaced, and nobody else notices."""

from collections.abc import Iterator

import pytest

from htcgrid import Grid, RetryPolicy
from htcgrid.model import TaskState
from tests.processes import rogues

ONCE = RetryPolicy(tries=1)


@pytest.fixture(scope="module")
def grid() -> Iterator[Grid]:
    with Grid.open(workers=2) as grid:
        grid.submit(rogues.healthy, [1]).results(timeout=60)
        yield grid


@pytest.mark.parametrize("way", rogues.WAYS)
def test_a_worker_takes_nobody_along(grid: Grid, way: str) -> None:
    [before] = grid.submit(rogues.pid, [0]).results(timeout=60)
    [name] = [outcome.worker for outcome in grid.submit(rogues.pid, [0]).outcomes(timeout=60)]
    agent = name.partition("/")[0]
    # It may come to any of the two workers; each has the name of one.
    lies = [grid.submit(rogues.rogue, [[way, f"{agent}/{number}"]], retry=ONCE) for number in range(2)]
    others = grid.submit(rogues.healthy, range(400))
    assert others.results(timeout=30) == [number * number for number in range(400)]
    outcomes = [outcome for session in lies for outcome in session.outcomes(timeout=30)]
    assert len(outcomes) == 2
    for outcome in outcomes:
        assert outcome.state in {TaskState.SUCCEEDED, TaskState.FAILED}
        if rogues.WAYS[way][1]:
            assert outcome.state is TaskState.FAILED
            assert outcome.error is not None
            assert outcome.error.type == "WorkerDied"
        if outcome.error is None:
            assert outcome.value in {"done", 1}
    [after] = grid.submit(rogues.pid, [0]).results(timeout=60)
    assert before == after
