"""Whatever making a result again raises is that task's error, and never ends a thread or keeps the others."""

import signal
from concurrent.futures import wait
from typing import Any

import pytest

from htcgrid import Grid, Outcome, RetryPolicy, TaskState
from htcgrid.connector.session import SessionHandle
from htcgrid.errors import EncodingError, TaskFailedError
from tests.connector.odd_results import KINDS, give

#: Each beside one that is fine.
_EVENTS = [f"reduce {kind}" for kind in [*KINDS, "it recurses"]]
_EVENTS += [f"{way} {kind}" for way in ("state", "new") for kind in ("SystemExit", "KeyboardInterrupt", "ValueError")]
_TASKS = [event for odd in _EVENTS for event in (odd, "fine")]
_RAISED = [f"raise {kind}" for kind in ("SystemExit", "KeyboardInterrupt", "ValueError", "StrExits", "ClassExits")]
_ONCE = RetryPolicy(tries=1)


@pytest.fixture(scope="module")
def session(grid: Grid) -> SessionHandle:
    return grid.submit(give, _TASKS, codec="pickle", retry=_ONCE)


def _check(found: dict[int, Any]) -> None:
    """Check that odd tasks have an error, and the others their value."""
    assert sorted(found) == list(range(len(_TASKS)))
    for index, value in found.items():
        if index % 2:
            assert value == "fine"
        else:
            assert type(value) is EncodingError, _TASKS[index]
            assert str(value)


def test_outcomes_hold_an_error_for_what_cannot_be_read_and_go_on(session: SessionHandle) -> None:
    outcomes = {outcome.index: outcome for outcome in session.outcomes(timeout=120)}
    _check({index: outcome.exception() or outcome.value for index, outcome in outcomes.items()})
    for index in range(0, len(_TASKS), 2):
        outcome = outcomes[index]
        assert str(outcome.exception()).startswith(f"task {index}: the result: ")
        assert (outcome.state, outcome.succeeded, outcome.tries) == (TaskState.FAILED, False, 1)
        assert outcome.error is not None
        assert outcome.error.type == "EncodingError"
        assert outcome.unread
        with pytest.raises(EncodingError, match=f"task {index}: "):
            outcome.result()


def test_what_making_a_result_raised_is_told_with_its_traceback(session: SessionHandle) -> None:
    error = session.task(2 * _EVENTS.index("reduce ValueError")).exception(timeout=120)
    assert "ValueError: cannot be made" in str(error)
    assert error is not None
    assert "raise KINDS[kind]()" in str(error.__cause__)


def test_results_put_the_error_in_its_place(session: SessionHandle) -> None:
    _check(dict(enumerate(session.results(timeout=120, return_exceptions=True))))
    with pytest.raises(EncodingError, match=r"task \d+: the result: "):
        session.results(timeout=120)


def test_a_callback_gets_every_outcome(session: SessionHandle) -> None:
    seen = list[Outcome]()
    assert session.on_outcome(seen.append).wait(timeout=120) == len(_TASKS)
    _check({outcome.index: outcome.exception() or outcome.value for outcome in seen})


def test_a_task_tells_its_error_as_its_result(session: SessionHandle) -> None:
    session.wait(timeout=120)
    _check({task.index: task.exception(timeout=120) or task.result() for task in session.tasks()})


def test_map_puts_the_error_in_its_place(grid: Grid) -> None:
    _check(dict(enumerate(grid.map(give, _TASKS, codec="pickle", retry=_ONCE, return_exceptions=True))))


def test_each_future_of_an_executor_is_settled(grid: Grid) -> None:
    with grid.executor(codec="pickle") as executor:
        futures = [executor.submit(give, event) for event in _TASKS]
        assert not wait(futures, timeout=120).not_done
        _check({index: future.exception() or future.result() for index, future in enumerate(futures)})


@pytest.mark.parametrize("way", ["outcomes", "map", "executor"])
def test_an_exception_that_cannot_be_made_again_is_told_in_words(grid: Grid, way: str) -> None:
    errors: list[Any]
    if way == "outcomes":
        handle = grid.submit(give, _RAISED, codec="pickle", retry=_ONCE)
        errors = handle.results(timeout=120, return_exceptions=True)
    elif way == "map":
        errors = list(grid.map(give, _RAISED, codec="pickle", retry=_ONCE, return_exceptions=True))
    else:
        with grid.executor(codec="pickle") as executor:
            errors = [executor.submit(give, event).exception(timeout=120) for event in _RAISED]
    assert [type(error) for error in errors] == [TaskFailedError] * len(_RAISED)
    assert all("Raised: " in str(error) for error in errors)


def test_what_a_decoder_of_the_callers_raises_is_that_tasks_error(grid: Grid, session: SessionHandle) -> None:
    def decode(data: bytes) -> int:
        raise KeyError(len(data))

    values = grid.session(session.id, decode=decode).results(timeout=120, return_exceptions=True)
    assert all("it cannot be read here: KeyError: " in str(value) for value in values)


def test_ctrl_c_while_a_result_is_read_is_no_tasks_error(grid: Grid, session: SessionHandle) -> None:
    def decode(_data: bytes) -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            grid.session(session.id, decode=decode).results(timeout=120)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_alarm_while_a_result_is_read_is_no_tasks_error(grid: Grid, session: SessionHandle) -> None:
    class AlarmError(Exception):
        pass

    def ring(_number: int, _frame: object) -> None:
        raise AlarmError

    before = signal.signal(signal.SIGUSR1, ring)
    try:
        with pytest.raises(AlarmError):
            grid.session(session.id, decode=lambda _: signal.raise_signal(signal.SIGUSR1)).results(timeout=120)
    finally:
        signal.signal(signal.SIGUSR1, before)
