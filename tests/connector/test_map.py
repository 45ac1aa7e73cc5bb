"""Calling a function with each item, and getting the results as an iterator."""

import gc
import itertools
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid, RetryPolicy
from htcgrid.connector.remote_traceback import RemoteTraceback
from htcgrid.errors import ConfigError, EncodingError, HtcGridError, TaskCancelledError, TaskFailedError
from htcgrid.model import SessionState
from htcgrid.testing import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue
from tests.connector import calls

ONCE = RetryPolicy(tries=1)


def until(condition: Callable[[], object]) -> None:
    """Return once the condition holds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.002)


class Drawn:
    """An endless input that counts what was taken from it."""

    def __init__(self) -> None:
        self.count = 0

    def __iter__(self) -> Iterator[int]:
        while True:
            self.count += 1
            yield self.count - 1


def test_results_come_in_the_order_of_the_items(grid: Grid) -> None:
    assert list(grid.map(abs, range(-3000, 0))) == list(range(3000, 0, -1))
    assert list(grid.map(calls.add, [1, 2, 3], [10, 20, 30])) == [11, 22, 33]


def test_results_may_come_as_calls_end(grid: Grid, tmp_path: Path) -> None:
    go = tmp_path / "go"
    results = grid.map(calls.hold, [str(go), str(tmp_path)], ordered=False)
    assert next(results) == str(tmp_path)
    go.touch()
    assert list(results) == [str(go)]
    assert sorted(grid.map(abs, range(-2000, 0), ordered=False)) == list(range(1, 2001))


def test_the_shortest_iterable_ends_it(grid: Grid) -> None:
    assert list(grid.map(calls.add, itertools.count(), [10, 20, 30])) == [10, 21, 32]
    assert list(grid.map(calls.add, [], [10])) == []


def test_a_function_is_called_with_items_and_not_as_a_handler(grid: Grid) -> None:
    # As a handler it would get the context as its second argument.
    assert list(grid.map(calls.add, [1, 2])) == [1, 2]
    assert list(grid.map("tests.connector.calls:add", [1, 2])) == [1, 2]
    assert list(grid.map(calls.show, [(1, 2)])) == [[[(1, 2)], {}]]


def test_codecs_carry_what_they_can(grid: Grid) -> None:
    assert list(grid.map(calls.length, [b"1", b"123"], codec="bytes")) == [b"1", b"3"]
    assert list(grid.map(calls.add, [b"a"], [b"b"], codec="msgpack")) == [b"ab"]
    assert list(grid.map(lambda x: {x}, [(1, 2)], codec="pickle")) == [{(1, 2)}]
    assert list(grid.map("tests.connector.calls:show", [{1}], codec="pickle")) == [[[{1}], {}]]


def test_an_error_is_raised_at_its_place_and_ends_it(grid: Grid) -> None:
    results = grid.map(int, ["1", "2", "three", "4"], retry=ONCE, labels={"test": "raises"})
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(TaskFailedError, match=r"task 2 of session .* ValueError: invalid literal"):
        next(results)
    assert list(results) == []


def test_errors_may_be_yielded_at_their_place(grid: Grid) -> None:
    one, failed, two = grid.map(int, ["1", "x", "2"], retry=ONCE, return_exceptions=True)
    assert (one, two) == (1, 2)
    assert isinstance(failed, TaskFailedError)
    one, failed, two = grid.map(int, ["1", "x", "2"], retry=ONCE, return_exceptions=True, codec="pickle")
    assert (one, two) == (1, 2)
    assert isinstance(failed, ValueError)
    assert isinstance(failed.__cause__, RemoteTraceback)


def test_a_call_is_tried_as_a_task_is(grid: Grid, tmp_path: Path) -> None:
    def fail_once(number: int) -> int:
        tried = tmp_path / str(number)
        if not tried.exists():
            tried.touch()
            raise ValueError("not yet")
        return number

    assert list(grid.map(fail_once, [1, 2], codec="pickle")) == [1, 2]


def test_a_result_that_cannot_be_made_again_is_an_error_at_its_place(grid: Grid) -> None:
    class OddError(Exception):
        def __init__(self, first: int, second: int) -> None:
            super().__init__(first)

        def __reduce__(self) -> Any:
            return OddError, self.args

    made = list(grid.map(lambda x: OddError(x, x) if x else x, [0, 1, 0], codec="pickle", return_exceptions=True))
    assert [made[0], made[2]] == [0, 0]
    assert isinstance(made[1], EncodingError)


def test_what_an_iterable_raises_comes_after_the_results_before_it(grid: Grid) -> None:
    def broken() -> Iterator[int]:
        yield from (-1, -2)
        raise KeyError("of the generator")

    results = grid.map(abs, broken())
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(KeyError, match="of the generator"):
        next(results)


def test_an_argument_that_cannot_be_carried_comes_at_its_place(grid: Grid) -> None:
    results = grid.map(calls.add, [1, object()])
    assert next(results) == 1
    with pytest.raises(
        EncodingError, match=r"a call of 'add': argument 1: a value of type object cannot .*; codec 'pickle' keeps it"
    ):
        next(results)


def test_no_more_is_taken_from_an_endless_input_than_results_are(grid: Grid) -> None:
    numbers = Drawn()
    results = grid.map(abs, numbers, ahead=50)
    assert numbers.count == 0
    for expected in range(500):
        assert next(results) == expected
        assert numbers.count <= expected + 51
    until(lambda: numbers.count >= 549)
    results.close()


def test_leaving_early_cancels_the_session_and_takes_no_more(grid: Grid) -> None:
    numbers = Drawn()
    before = threading.active_count()
    for result in grid.map(abs, numbers, ahead=100, labels={"test": "leaves"}):
        if result == 10:
            break
    (status,) = grid.sessions(labels={"test": "leaves"})
    assert status.state is SessionState.CANCELLED
    until(lambda: threading.active_count() <= before)
    taken = numbers.count
    assert taken <= 111


def test_a_map_that_nobody_asks_for_results_does_nothing(grid: Grid) -> None:
    numbers = Drawn()
    grid.map(abs, numbers, labels={"test": "never"})
    assert numbers.count == 0
    assert list(grid.sessions(labels={"test": "never"})) == []


def test_closing_the_grid_ends_a_map_that_is_not_at_its_end() -> None:
    state = MemoryStateStore()
    numbers = Drawn()
    with Grid(state, MemoryTaskQueue(), MemoryPayloadStore()) as grid:
        results = grid.map(abs, numbers, ahead=10)
        told = list[HtcGridError]()

        def ask() -> None:
            try:
                next(results)
            except HtcGridError as error:
                told.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda: numbers.count == 10)
    asking.join(30)
    # The session was cancelled; the grid may have been closed before that was seen.
    assert isinstance(told[0], TaskCancelledError | ConfigError)
    with pytest.raises(ConfigError, match="this grid is closed"):
        grid.map(abs, [1])


def test_a_map_may_be_left_after_its_grid_was_closed(tmp_path: Path) -> None:
    with Grid.open(folder=tmp_path, workers=1) as grid:
        begun, never = grid.map(abs, Drawn(), ahead=10), grid.map(abs, Drawn())
        assert next(begun) == 0
        session = next(grid.sessions()).session.id
    with Grid.open({"state": {"provider": "local", "path": str(tmp_path)}}) as grid:
        assert grid.session(session).status().state is SessionState.CANCELLED
    begun.close()
    assert list(begun) == []
    with pytest.raises(ConfigError, match="this grid is closed"):
        next(never)


def test_a_map_that_was_read_to_its_end_is_not_cancelled(grid: Grid) -> None:
    results = grid.map(abs, [-1, -2], labels={"test": "ends"})
    assert list(results) == [1, 2]
    results.close()
    (status,) = grid.sessions(labels={"test": "ends"})
    assert status.state is SessionState.SEALED
    assert status.finished


def test_a_session_that_is_cancelled_is_told(grid: Grid, tmp_path: Path) -> None:
    go = tmp_path / "go"
    results = grid.map(calls.hold, [str(tmp_path), str(go)], labels={"test": "map-cancelled"})
    assert next(results) == str(tmp_path)
    (status,) = grid.sessions(labels={"test": "map-cancelled"})
    grid.session(status.session.id).cancel()
    with pytest.raises(TaskCancelledError):
        next(results)
    # Its worker learns of the cancel later than that.
    go.touch()


def test_results_are_kept_by_nobody(grid: Grid) -> None:
    class Made:
        pass

    for made in grid.map(lambda _: Made(), range(20), codec="pickle"):
        reference = weakref.ref(made)
        del made
        gc.collect()
        assert reference() is None


def test_a_map_without_iterables_and_a_wrong_option_are_told_at_once(grid: Grid) -> None:
    wrong: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        ((abs,), {}, "map needs one iterable for each argument of the function, and at least one"),
        ((abs, 5), {}, "argument 1 after the function must be an iterable of payloads, not a single int"),
        ((abs, [1]), {"ahead": 0}, "ahead must be a whole number of tasks of at least 1"),
        ((abs, [1]), {"codec": "yaml"}, "there is no codec 'yaml'"),
        ((abs, [1]), {"timeout": -1}, "timeout must be a number of seconds greater than 0"),
        (
            (divmod, [1]),
            {},
            r"map calls 'divmod' with one item of each iterable, 1 here, and it takes \(x, y, /\): mis",
        ),
        (("len", [1]), {}, r"handler 'len' is not of the form .*py:function'$"),
        ((5, [1]), {"codec": "pickle"}, "only what can be called can be called on a grid, not int"),
    ]
    for args, options, message in wrong:
        with pytest.raises(ConfigError, match=message):
            grid.map(*args, **options)
    with pytest.raises(TypeError, match="unknown option 'colour'"):
        grid.map(abs, [1], colour="red")  # type: ignore[call-overload]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_that_lets_go_of_an_iterator_cancels_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # The memory store stands for those that do not know by themselves in which process they are.
    state = MemoryStateStore()
    cancelled = list[object]()
    monkeypatch.setattr(state, "cancel", cancelled.append)
    with Grid(state, MemoryTaskQueue(), MemoryPayloadStore()) as grid:
        results = grid.map(calls.add, [1])

        def wait() -> None:
            with suppress(ConfigError):
                next(results)

        waiting = threading.Thread(target=wait)
        waiting.start()
        (made,) = grid._mapped
        until(lambda: made._submitter)
        child = os.fork()
        if child == 0:
            made.stop()
            os._exit(len(cancelled))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        made.stop()
        assert len(cancelled) == 1
    waiting.join()
