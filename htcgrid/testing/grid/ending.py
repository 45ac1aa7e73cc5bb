"""Clauses of tasks that end, and of those who read their outcomes."""

from datetime import timedelta
from functools import partial

import pytest

from htcgrid import Grid, TaskState
from htcgrid.errors import ResultTimeoutError
from htcgrid.testing.grid.clauses import ONCE, GridClauses
from htcgrid.testing.race import at_once


class Ending(GridClauses):
    """Every task that was accepted ends, and its outcome comes once."""

    def test_results_come_in_the_order_of_the_tasks(self, grid: Grid) -> None:
        tasks = [{"task": index} for index in range(2500)]
        assert self.results(self.submit(grid, "echo", tasks)) == tasks

    def test_a_generator_is_submitted_like_a_list(self, grid: Grid) -> None:
        session = self.submit(grid, "echo", (index for index in range(300)))
        assert self.results(session) == list(range(300))

    def test_no_tasks_are_a_finished_session(self, grid: Grid) -> None:
        session = self.submit(grid, "echo", [])
        assert self.results(session) == []
        assert session.status().finished

    def test_a_handler_learns_about_its_task(self, grid: Grid) -> None:
        session = self.submit(grid, "describe", ["a", "b"], timeout=30, labels={"desk": "Zürich ☂"})
        told = {"session": session.id, "try": 1, "labels": {"desk": "Zürich ☂"}, "limited": True}
        assert self.results(session) == [told | {"event": "a", "index": 0}, told | {"event": "b", "index": 1}]

    def test_an_outcome_tells_when_and_where_its_task_ran(self, grid: Grid) -> None:
        (outcome,) = self.outcomes(self.submit(grid, "sleep", [0.2]))
        assert (outcome.state, outcome.value, outcome.error, outcome.tries) == (TaskState.SUCCEEDED, 0.2, None, 1)
        assert outcome.duration >= timedelta(seconds=0.19)
        assert outcome.started.tzinfo is not None
        assert outcome.committed is not None
        assert outcome.worker

    def test_an_outcome_comes_before_the_session_has_ended(self, grid: Grid) -> None:
        # In no order: which task is run first is for the grid to say.
        session = self.submit(grid, "sleep", [0.05] * self.many)
        self.first(session)
        assert not session.status().finished

    def test_each_of_two_readers_gets_every_outcome_once_while_tasks_run(self, grid: Grid, client: Grid) -> None:
        session = self.submit(grid, "echo", range(2500))
        readers = [session, client.session(session.id)]
        for outcomes in at_once([partial(self.outcomes, reader) for reader in readers]):
            assert [outcome.value for outcome in outcomes] == list(range(2500))

    def test_what_was_read_is_read_again_and_again(self, grid: Grid) -> None:
        session = self.submit(grid, "fail", [0, "no", 2], retry=ONCE)
        first = self.outcomes(session)
        assert self.outcomes(session) == first
        assert self.outcomes(grid.session(session.id)) == first

    def test_the_counts_are_those_of_the_outcomes(self, grid: Grid) -> None:
        session = self.submit(grid, "fail", ["no" if index % 7 == 0 else index for index in range(100)], retry=ONCE)
        status = session.wait(timeout=self.patience.total_seconds())
        states = [outcome.state for outcome in self.outcomes(session)]
        assert (status.total, status.ended, status.running, status.pending) == (100, 100, 0, 0)
        assert (status.succeeded, status.failed, status.cancelled) == (85, 15, 0)
        assert (states.count(TaskState.SUCCEEDED), states.count(TaskState.FAILED)) == (85, 15)

    def test_time_is_up_for_the_caller_and_not_for_the_tasks(self, grid: Grid) -> None:
        session = self.submit(grid, "sleep", [self.prompt.total_seconds()])
        with pytest.raises(ResultTimeoutError):
            session.results(timeout=self.prompt.total_seconds() / 10)
        assert self.results(session) == [self.prompt.total_seconds()]
