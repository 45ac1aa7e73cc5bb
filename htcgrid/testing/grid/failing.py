"""Clauses of tasks that go wrong."""

import time
from datetime import timedelta

import pytest

from htcgrid import Grid, RetryPolicy, TaskState
from htcgrid.errors import TaskFailedError
from htcgrid.testing.grid.clauses import FOR_EVER, ONCE, SOON, GridClauses


class Failing(GridClauses):
    """A task that goes wrong is tried again, fails with a reason, and costs its neighbours nothing."""

    def test_a_failing_task_is_tried_as_often_as_it_may_and_its_neighbours_succeed(self, grid: Grid) -> None:
        outcomes = self.outcomes(self.submit(grid, "fail", [0, "enough", 2], retry=SOON))
        assert [outcome.state for outcome in outcomes] == [
            TaskState.SUCCEEDED,
            TaskState.FAILED,
            TaskState.SUCCEEDED,
        ]
        assert [outcome.tries for outcome in outcomes] == [1, 3, 1]

    def test_a_failure_shows_what_the_handler_raised_and_where(self, grid: Grid) -> None:
        session = self.submit(grid, "fail", ["enough"], retry=ONCE)
        (outcome,) = self.outcomes(session)
        assert outcome.error is not None
        assert (outcome.error.type, outcome.error.message) == ("ValueError", "this task was told to say: enough")
        assert "in fail\n" in outcome.error.traceback
        assert "raise ValueError(" in outcome.error.traceback
        with pytest.raises(TaskFailedError, match="ValueError: this task was told to say: enough"):
            self.results(session)

    def test_failed_tasks_stand_among_the_results_for_who_asks_for_it(self, grid: Grid) -> None:
        session = self.submit(grid, "fail", [0, "enough", 2], retry=ONCE)
        results = session.results(timeout=self.patience.total_seconds(), return_exceptions=True)
        assert (results[0], results[2]) == (0, 2)
        assert isinstance(results[1], TaskFailedError)

    def test_a_task_that_succeeds_at_its_last_try_succeeds(self, grid: Grid) -> None:
        outcomes = self.outcomes(self.submit(grid, "fail_before", [1, 2, 3, 4], retry=SOON))
        assert [(outcome.value, outcome.tries) for outcome in outcomes] == [(1, 1), (2, 2), (3, 3), (None, 3)]
        assert outcomes[3].state is TaskState.FAILED

    def test_a_task_waits_before_it_is_tried_again(self, grid: Grid) -> None:
        began = time.monotonic()
        session = self.submit(grid, "fail_before", [2], retry=RetryPolicy(tries=2, backoff=timedelta(seconds=1)))
        assert self.results(session) == [2]
        assert time.monotonic() - began >= 0.5

    def test_a_time_out_ends_one_task_alone(self, grid: Grid) -> None:
        session = self.submit(grid, "sleep", [0.0, FOR_EVER, 0.01], timeout=0.3, retry=ONCE)
        outcomes = self.outcomes(session)
        assert [outcome.succeeded for outcome in outcomes] == [True, False, True]
        assert outcomes[1].error is not None
        assert outcomes[1].error.type == "TimedOut"
        assert outcomes[1].duration >= timedelta(seconds=0.3)
        assert abs(outcomes[1].started - outcomes[0].started) < self.patience

    def test_a_task_whose_time_was_up_is_tried_again(self, grid: Grid) -> None:
        session = self.submit(grid, "sleep_at_first", [FOR_EVER], timeout=0.3, retry=SOON)
        assert self.results(session) == [2]

    def test_a_worker_that_dies_is_blamed_on_its_task_alone(self, grid: Grid) -> None:
        outcomes = self.outcomes(self.submit(grid, "die", [*range(60), "die", *range(60)], retry=ONCE))
        assert [outcome.index for outcome in outcomes if not outcome.succeeded] == [60]
        assert outcomes[60].error is not None
        assert outcomes[60].error.type == "WorkerDied"
        assert {outcome.tries for outcome in outcomes} == {1}

    def test_a_task_whose_worker_died_is_tried_again(self, grid: Grid) -> None:
        assert self.results(self.submit(grid, "die_at_first", range(3), retry=SOON)) == [2, 2, 2]

    def test_poison_tasks_do_not_stop_another_session(self, grid: Grid) -> None:
        poison = self.submit(grid, "die", ["die"] * 6, retry=ONCE)
        assert self.results(self.submit(grid, "echo", range(200))) == list(range(200))
        assert [outcome.state for outcome in self.outcomes(poison)] == [TaskState.FAILED] * 6

    def test_a_handler_that_leaves_fails_and_says_so(self, grid: Grid) -> None:
        (outcome,) = self.outcomes(self.submit(grid, "leave", [7], retry=ONCE))
        assert outcome.error is not None
        assert outcome.error.message == "7"

    @pytest.mark.parametrize(("handler", "codec"), [("lock", "typed"), ("not_a_number", "json")])
    def test_a_result_that_cannot_be_encoded_fails_at_the_first_try(self, grid: Grid, handler: str, codec: str) -> None:
        (outcome,) = self.outcomes(self.submit(grid, handler, [1], codec=codec, retry=SOON))
        assert outcome.error is not None
        assert (outcome.error.type, outcome.tries) == ("EncodingError", 1)
        assert outcome.error.message.startswith("the result: a value of type ")
        assert f"cannot be sent with codec '{codec}'" in outcome.error.message

    def test_a_handler_that_is_not_there_fails_at_the_first_try_and_is_named(self, grid: Grid) -> None:
        (outcome,) = self.outcomes(self.submit(grid, "missing", [1], retry=SOON))
        assert outcome.error is not None
        assert outcome.tries == 1
        assert "missing" in outcome.error.message

    def test_a_module_that_is_not_there_fails_at_the_first_try_and_is_named(self, grid: Grid) -> None:
        (outcome,) = self.outcomes(grid.submit("no_such_module_anywhere:handler", [1], retry=SOON))
        assert outcome.error is not None
        assert outcome.tries <= 1
        assert "no_such_module_anywhere" in outcome.error.message
