"""The contract of a whole grid, by what its clients see of it."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

import pytest

from htcgrid import Grid, Outcome, RetryPolicy, SessionHandle, TaskState
from htcgrid.errors import (
    ConfigError,
    ConflictError,
    ResultTimeoutError,
    SessionNotFoundError,
    TaskCancelledError,
    TaskFailedError,
)
from htcgrid.model import SessionState
from htcgrid.testing.contract import Contract
from htcgrid.testing.race import at_once
from htcgrid.testing.samples import new_id

ONCE = RetryPolicy(tries=1)
SOON = RetryPolicy(tries=3, backoff=timedelta(milliseconds=20))
#: Longer than any clause lasts: a task that sleeps for this time is never waited for.
_FOR_EVER = 600.0


class GridClauses(Contract):
    """Give a fixture ``grid``: an open grid whose agents may run the handlers ``htcgrid.testing.handlers:*``.

    One grid may serve all clauses, so the fixture may be of the class or of the module; others may use the grid, too.
    Agents are started and ended by whoever made it.
    """

    #: The longest that anything may take; what has not come by then never will.
    patience: ClassVar[timedelta] = timedelta(seconds=60)
    #: Within this time an outcome is seen, and an agent learns of a cancel.
    prompt: ClassVar[timedelta] = timedelta(seconds=1)
    #: Tasks that keep every worker busy for longer than ``prompt``: 50 milliseconds each.
    many: ClassVar[int] = 400
    #: Bytes that no provider keeps inline.
    large: ClassVar[int] = 2 << 20

    @pytest.fixture
    def grid(self) -> Grid:
        """Return the grid under test."""
        raise NotImplementedError(f"{type(self).__name__} must have a fixture `grid` that returns an open Grid")

    @pytest.fixture
    def client(self, grid: Grid) -> Iterator[Grid]:
        """Return a second client of the grid, with connections of its own, as another process has them."""
        assert grid.config is not None, "override the fixture `client`: this grid does not say how it was opened"
        with ExitStack() as resources:
            state, queue, payloads = grid.config.open_state(), grid.config.open_queue(), grid.config.open_payloads()
            for store in (state, queue, payloads):
                resources.callback(store.close)
            with Grid(state, queue, payloads, config=grid.config, resources=resources.pop_all()) as client:
                yield client

    def submit(self, grid: Grid, handler: str, tasks: Iterable[Any], **options: Any) -> SessionHandle:
        """Submit tasks of one of the kit's handlers."""
        return grid.submit(f"htcgrid.testing.handlers:{handler}", tasks, **options)

    def results(self, session: SessionHandle) -> list[Any]:
        """Return the values of all tasks, in order."""
        return session.results(timeout=self.patience.total_seconds())

    def outcomes(self, session: SessionHandle) -> list[Outcome]:
        """Return the outcomes of all tasks, by index, each of which must come just once."""
        found = list(session.outcomes(timeout=self.patience.total_seconds()))
        ordered = sorted(found, key=lambda outcome: outcome.index)
        assert [outcome.index for outcome in ordered] == list(range(len(found)))
        return ordered

    def first(self, session: SessionHandle) -> Outcome:
        """Return the first outcome there is."""
        return next(session.outcomes(timeout=self.patience.total_seconds()))


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
        session = self.submit(grid, "sleep", [0.0, 2 * self.prompt.total_seconds()])
        first = self.first(session)
        assert not session.status().finished
        assert first.index == 0
        assert len(self.outcomes(session)) == 2

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
        session = self.submit(grid, "sleep", [0.0, _FOR_EVER, 0.01], timeout=0.3, retry=ONCE)
        outcomes = self.outcomes(session)
        assert [outcome.succeeded for outcome in outcomes] == [True, False, True]
        assert outcomes[1].error is not None
        assert outcomes[1].error.type == "TimedOut"

    def test_a_task_whose_time_was_up_is_tried_again(self, grid: Grid) -> None:
        session = self.submit(grid, "sleep_at_first", [_FOR_EVER], timeout=0.3, retry=SOON)
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

    @pytest.mark.parametrize("handler", ["lock", "not_a_number"])
    def test_a_result_that_cannot_be_encoded_fails_at_the_first_try(self, grid: Grid, handler: str) -> None:
        (outcome,) = self.outcomes(self.submit(grid, handler, [1], retry=SOON))
        assert outcome.error is not None
        assert (outcome.error.type, outcome.tries) == ("EncodingError", 1)
        assert "cannot be encoded as JSON" in outcome.error.message

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


class Carrying(GridClauses):
    """Payloads and results come through as they were, whatever their size."""

    def test_values_of_every_kind_come_back_as_they_were(self, grid: Grid) -> None:
        values: list[Any] = [
            None,
            True,
            0,
            -1,
            1 << 53,
            0.1,
            1e308,
            "",
            "Zürich ☂ \0",
            [],
            {},
            {"a": [None, {"b": []}]},
        ]
        assert self.results(self.submit(grid, "echo", values)) == values

    def test_large_payloads_pass(self, grid: Grid) -> None:
        sizes = [self.large, 1, self.large + 1]
        assert self.results(self.submit(grid, "length", ["x" * size for size in sizes])) == sizes

    def test_large_results_pass(self, grid: Grid) -> None:
        tasks = [{"text": f"{index}", "times": self.large} for index in range(3)]
        assert self.results(self.submit(grid, "repeat", tasks)) == [str(index) * self.large for index in range(3)]

    def test_many_results_that_are_large_together_pass(self, grid: Grid) -> None:
        count = 200
        tasks = [{"text": f"{index:04}", "times": self.large // count} for index in range(count)]
        expected = [f"{index:04}" * (self.large // count) for index in range(count)]
        assert self.results(self.submit(grid, "repeat", tasks)) == expected

    def test_bytes_are_carried_as_they_are(self, grid: Grid) -> None:
        tasks = [b"", b"\0", bytes(range(256)), b"\xff" * self.large]
        session = self.submit(grid, "reverse", tasks, codec="bytes")
        assert self.results(session) == [task[::-1] for task in tasks]


class Sharing(GridClauses):
    """Sessions, threads and clients share a grid, and none is in another's way."""

    def test_cancel_ends_what_runs_and_what_waits(self, grid: Grid) -> None:
        session = self.submit(grid, "sleep", [0.0, *[_FOR_EVER] * 40])
        first = self.first(session)
        counts = session.cancel()
        assert (first.index, counts.succeeded, counts.failed, counts.cancelled) == (0, 1, 0, 40)
        status = session.status()
        assert (status.state, status.total, status.cancelled) == (SessionState.CANCELLED, 41, 40)
        assert status.finished
        states = [outcome.state for outcome in self.outcomes(session)]
        assert states == [TaskState.SUCCEEDED, *[TaskState.CANCELLED] * 40]
        with pytest.raises(TaskCancelledError):
            self.results(session)
        # The workers that slept do not sleep on.
        assert self.results(self.submit(grid, "echo", [1])) == [1]

    def test_repeating_a_cancel_changes_nothing(self, grid: Grid) -> None:
        session = self.submit(grid, "sleep", [0.1] * 40)
        session.cancel()
        before = session.status(), self.outcomes(session)
        session.cancel()
        assert (session.status(), self.outcomes(session)) == before

    def test_a_cancel_of_a_finished_session_changes_nothing(self, grid: Grid) -> None:
        session = self.submit(grid, "echo", range(10))
        self.results(session)
        assert session.cancel().cancelled == 0
        assert session.status().state is SessionState.SEALED
        assert self.results(session) == list(range(10))

    def test_a_cancel_leaves_other_sessions_alone(self, grid: Grid) -> None:
        kept = self.submit(grid, "sleep", [0.05] * 20)
        self.submit(grid, "sleep", [0.1] * 20).cancel()
        assert self.results(kept) == [0.05] * 20

    def test_an_urgent_session_overtakes_a_long_one(self, grid: Grid) -> None:
        long = self.submit(grid, "sleep", [0.05] * self.many, priority=0)
        self.first(long)
        assert self.results(self.submit(grid, "echo", [1], priority=3)) == [1]
        overtaken = long.status()
        long.cancel()
        assert overtaken.ended < overtaken.total

    def test_a_session_is_found_by_its_id(self, grid: Grid, client: Grid) -> None:
        session = self.submit(grid, "echo", [1, 2], labels={"desk": "rates"})
        found = client.session(session.id)
        assert self.results(found) == [1, 2]
        assert found.status().session.labels == {"desk": "rates"}

    def test_an_id_that_no_session_has_is_said_to_be_unknown(self, grid: Grid) -> None:
        unknown = new_id()
        with pytest.raises(SessionNotFoundError, match=unknown):
            grid.session(unknown)

    def test_a_repeated_submission_under_an_id_is_one(self, grid: Grid, client: Grid) -> None:
        session_id = new_id()
        sessions = [self.submit(each, "echo", range(100), id=session_id) for each in (grid, client)]
        assert [self.results(session) for session in sessions] == [list(range(100))] * 2
        again = self.submit(client, "echo", range(100), id=session_id)
        assert (again.status().total, again.status().succeeded) == (100, 100)

    def test_submissions_at_once_under_an_id_are_one(self, grid: Grid, client: Grid) -> None:
        session_id = new_id()
        submits = [partial(self.submit, each, "echo", range(500), id=session_id) for each in (grid, client) * 3]
        sessions = at_once(submits)
        assert self.results(sessions[0]) == list(range(500))
        assert sessions[0].status().total == 500

    def test_other_content_under_an_id_is_a_conflict(self, grid: Grid) -> None:
        session_id = new_id()
        session = self.submit(grid, "echo", range(100), id=session_id)
        others: list[Callable[[], object]] = [
            partial(self.submit, grid, "echo", range(5, 105), id=session_id),
            partial(self.submit, grid, "echo", range(99), id=session_id),
            partial(self.submit, grid, "echo", range(101), id=session_id),
            partial(self.submit, grid, "sleep", range(100), id=session_id),
        ]
        for other in others:
            with pytest.raises(ConflictError):
                other()
        assert self.results(session) == list(range(100))

    def test_a_submission_that_broke_off_goes_on_under_its_id(self, grid: Grid, client: Grid) -> None:
        # Long texts, so that much of them is written before the last one comes.
        tasks = [str(index % 10) * 200_000 for index in range(60)]
        session_id = new_id()
        with pytest.raises(_BreakOffError):
            self.submit(grid, "length", _broken_off(tasks[:55]), id=session_id)
        status = grid.session(session_id).status()
        assert status.state is SessionState.OPEN
        assert 0 < status.total <= 55
        assert self.results(self.submit(client, "length", tasks, id=session_id)) == [200_000] * 60

    def test_many_threads_and_clients_share_a_grid(self, grid: Grid, client: Grid) -> None:
        def work(number: int, each: Grid) -> list[int]:
            return self.results(self.submit(each, "echo", [number] * 50))

        found = at_once([partial(work, number, (grid, client)[number % 2]) for number in range(8)])
        assert found == [[number] * 50 for number in range(8)]

    def test_a_client_that_closes_leaves_its_sessions_to_run(self, grid: Grid, client: Grid) -> None:
        session = self.submit(client, "sleep", [0.1] * 4)
        client.close()
        client.close()
        for call in (session.status, session.results, session.cancel, partial(self.submit, client, "echo", [1])):
            with pytest.raises(ConfigError, match="closed"):
                call()
        assert self.results(grid.session(session.id)) == [0.1] * 4


class GridContract(Ending, Failing, Carrying, Sharing):
    """What a grid is. Give it a fixture ``grid``; :class:`GridClauses` lists what else may be set."""


class _BreakOffError(Exception):
    """Stands for whatever ends a client in the middle of a submission."""


def _broken_off(tasks: list[str]) -> Iterator[str]:
    yield from tasks
    raise _BreakOffError
