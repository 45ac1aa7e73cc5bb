"""Single tasks of a session, as their client holds them."""

import inspect
import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from htcgrid import Grid, RetryPolicy, TaskState
from htcgrid.errors import (
    ConfigError,
    ProviderUnavailableError,
    ResultTimeoutError,
    TaskCancelledError,
    TaskFailedError,
)
from tests.agent import jobs

ONCE = RetryPolicy(tries=1)


def test_a_task_tells_how_it_ended(grid: Grid) -> None:
    session = grid.submit(jobs.oops, ["fine", "oops"], retry=ONCE)
    fine, bad = session.tasks()
    assert fine.result(timeout=30) == "fine"
    assert (fine.state, fine.tries, fine.error, fine.done()) == (TaskState.SUCCEEDED, 1, None, True)
    assert fine.worker
    assert fine.started is not None
    assert fine.duration is not None
    assert fine.exception() is None
    with pytest.raises(TaskFailedError, match="oops, says the handler"):
        bad.result(timeout=30)
    assert bad.state is TaskState.FAILED
    assert bad.error is not None
    assert 'raise ValueError("oops, says the handler")' in bad.error.traceback
    assert isinstance(bad.exception(), TaskFailedError)


def test_a_task_is_tried_as_often_as_the_first_paragraph_of_submit_says(grid: Grid) -> None:
    assert "one that fails is tried three times in all" in (inspect.getdoc(Grid.submit) or "").split("\n\n")[0]
    task = grid.submit(jobs.oops, ["oops"]).task(0)
    assert isinstance(task.exception(timeout=60), TaskFailedError)
    assert task.tries == 3


def test_any_process_that_knows_the_session_can_ask_for_a_task(grid: Grid, grid_folder: object) -> None:
    session = grid.submit(jobs.echo, range(5000))
    session.wait(timeout=30)
    found = grid.session(session.id)
    assert [found.task(index).result(timeout=30) for index in (4999, 0, 2500, 0)] == [4999, 0, 2500, 0]
    assert repr(found.task(7)) == f"<task 7 of session {session.id}>"


def test_a_store_that_is_away_for_a_moment_ends_nobodys_waiting_for_a_task(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = grid.submit(jobs.echo, [7]).task(0)
    # Longer than one look waits for news.
    back = time.monotonic() + 1.5
    asked = grid._state.outcomes

    def away(*args: Any, **kwargs: Any) -> Any:
        if time.monotonic() < back:
            raise ProviderUnavailableError("the store restarts")
        return asked(*args, **kwargs)

    monkeypatch.setattr(grid._state, "outcomes", away)
    with pytest.raises(ProviderUnavailableError):
        task.result(timeout=0.1)
    assert task.result(timeout=30) == 7


def test_a_task_is_pending_then_running_then_ended(grid: Grid) -> None:
    first = grid.submit(jobs.sleep, [1.0, 1.0])
    waiting = grid.submit(jobs.sleep, [0.0], priority=0).task(0)
    running = first.task(0)
    _until(lambda: running.state is TaskState.RUNNING)
    assert running.worker is not None
    assert running.tries == 0
    assert (running.started, running.duration, running.error, running.stdout) == (None, None, None, "")
    assert not running.done()
    assert waiting.state in {TaskState.PENDING, TaskState.RUNNING}
    assert running.result(timeout=30) == 1.0
    assert waiting.result(timeout=30) == 0.0


def test_a_task_that_waits_for_another_try_tells_its_tries(grid: Grid) -> None:
    policy = RetryPolicy(tries=2, backoff=timedelta(seconds=60))
    session = grid.submit(jobs.oops, ["oops"], retry=policy)
    task = session.task(0)
    _until(lambda: task.tries == 1)
    assert task.state in {TaskState.PENDING, TaskState.RUNNING}
    session.cancel()
    with pytest.raises(TaskCancelledError):
        task.result(timeout=30)
    assert str(task.state) == "CANCELLED"
    assert task.worker is None


def test_whoever_waits_for_a_task_waits_no_longer_than_said(grid: Grid) -> None:
    session = grid.submit(jobs.sleep, [300.0, 0.0])
    began = time.monotonic()
    with pytest.raises(ResultTimeoutError, match=r"task 0 of session .* had not ended after 0\.2 s; it goes on"):
        session.task(0).result(timeout=0.2)
    assert time.monotonic() - began < 200
    session.cancel()


def test_tasks_that_are_waited_for_in_many_threads_each_come_at_once(grid: Grid) -> None:
    session = grid.submit(jobs.sleep, [0.3, 0.0, 0.0, 0.3])
    values = dict[int, float]()
    threads = [
        threading.Thread(target=lambda task=task: values.update({task.index: task.result(timeout=30)}))
        for task in session.tasks()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == {0: 0.3, 1: 0.0, 2: 0.0, 3: 0.3}


@pytest.mark.parametrize("index", [-1, 3, True, "1", 1.0, None])
def test_what_is_no_position_of_a_task_is_told(grid: Grid, index: object) -> None:
    session = grid.submit(jobs.echo, range(3))
    with pytest.raises(ConfigError, match="a task is named by its position"):
        session.task(index)  # type: ignore[arg-type]


def test_a_task_that_a_session_does_not_have_is_told_once_that_is_known(grid: Grid) -> None:
    session = grid.submit(jobs.echo, range(3))
    with pytest.raises(ConfigError, match="has 3 tasks, from 0 on, so none of 3"):
        grid.session(session.id).task(3).result(timeout=30)


def test_a_handle_may_wait_for_a_task_that_is_not_accepted_yet(grid: Grid) -> None:
    with grid.open_session(jobs.echo) as session:
        task = session.task(1)
        assert task.state is TaskState.PENDING
        session.extend(["a", "b"])
        assert task.result(timeout=30) == "b"


def test_a_time_out_hands_over_what_was_there(grid: Grid) -> None:
    session = grid.submit(jobs.sleep, [0.0, 30.0, 0.0, 0.0])
    session.task(0).result(timeout=30)
    session.task(3).result(timeout=30)
    with pytest.raises(ResultTimeoutError) as caught:
        session.results(timeout=0.3)
    assert caught.value.results.items() >= {0: 0.0, 3: 0.0}.items()
    assert 1 not in caught.value.results
    session.cancel()


def test_a_time_out_hands_over_failures_as_exceptions_when_asked_to(grid: Grid) -> None:
    session = grid.submit(jobs.oops, ["oops"], retry=ONCE, id=None)
    session.task(0).exception(timeout=30)
    with grid.open_session(jobs.oops, retry=ONCE) as opened:
        opened.add("oops")
        opened.task(0).exception(timeout=30)
        with pytest.raises(ResultTimeoutError) as caught:
            opened.results(timeout=0.2, return_exceptions=True)
        assert isinstance(caught.value.results[0], TaskFailedError)


def _until(true: object) -> None:
    deadline = time.monotonic() + 20
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)
