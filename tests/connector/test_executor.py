"""A grid as an executor of concurrent.futures; test_cpython_executor.py has what CPython asks of one."""

import asyncio
import functools
import gc
import logging
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future, as_completed, wait
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from htcgrid import Grid, GridExecutor, RetryPolicy
from htcgrid.connector.remote_traceback import RemoteTraceback
from htcgrid.errors import ConfigError, EncodingError, ProviderUnavailableError, TaskCancelledError, TaskFailedError
from htcgrid.model import SessionId, SessionState, defaults
from htcgrid.testing import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue
from htcgrid.testing.race import at_once
from tests.agent import jobs
from tests.connector import calls


@pytest.fixture
def named(grid: Grid) -> Iterator[GridExecutor]:
    """An executor whose calls are found by name."""
    with grid.executor() as executor:
        yield executor


@pytest.fixture
def pickled(grid: Grid) -> Iterator[GridExecutor]:
    with grid.executor(codec="pickle") as executor:
        yield executor


@pytest.fixture
def state() -> MemoryStateStore:
    return MemoryStateStore()


@pytest.fixture
def idle(state: MemoryStateStore) -> Iterator[Grid]:
    """A grid without agents: calls are handed over, and none ends."""
    with Grid(state, MemoryTaskQueue(), MemoryPayloadStore()) as grid:
        yield grid
        grid._calls.fail()


class OddError(Exception):
    """One that cannot be made again of what it was pickled to."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")

    def __reduce__(self) -> Any:
        return OddError, self.args


class FrozenError(Exception):
    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("it is frozen")


def result(future: "Future[Any]") -> Any:
    return future.result(timeout=30)


def error(future: "Future[Any]") -> BaseException:
    found = future.exception(timeout=30)
    assert found is not None
    return found


def until(condition: Callable[[], object]) -> None:
    """Return once the condition holds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.002)


def threads() -> int:
    return sum(thread.name.startswith(("calls ", "submit ")) for thread in threading.enumerate())


# By name.


def test_a_call_by_name_has_the_result_of_its_function(named: GridExecutor) -> None:
    assert result(named.submit(pow, 2, 8)) == 256
    assert result(named.submit(calls.show, 1, "two", three=3)) == [[1, "two"], {"three": 3}]
    assert list(named.map(calls.add, range(100), range(100), timeout=30)) == list(range(0, 200, 2))


def test_tuples_come_as_tuples(named: GridExecutor) -> None:
    assert result(named.submit(calls.add, (1, 2), (3,))) == (1, 2, 3)


def test_each_function_has_a_session_under_its_own_name(grid: Grid) -> None:
    # Of its own: the grid is shared.
    labels = {"test": "each function has a session"}
    with grid.executor(labels=labels) as executor:
        assert [result(executor.submit(function, -1)) for function in (abs, str, abs)] == [1, "-1", 1]
        handlers = sorted(status.session.handler for status in grid.sessions(labels=labels))
        assert handlers == ["builtins:abs", "builtins:str"]
        assert not any(status.finished for status in grid.sessions(labels=labels))
    assert [status.finished for status in grid.sessions(labels=labels)] == [True, True]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: 1, r"handler .* has no name by which an agent could find it: .*; or use codec='pickle'"),
        ([].append, "a builtin_function_or_method has no name .*codec='pickle'"),
        (5, "a handler must be a function or its name, not a value of type int"),
    ],
)
def test_a_function_without_a_name_cannot_be_called_on_agents_that_are_not_the_client_s(
    grid: Grid, function: Any, message: str
) -> None:
    assert grid.config is not None
    with (
        Grid.open(grid.config.folder / "embedded.toml") as other,
        other.executor() as executor,
        pytest.raises(ConfigError, match=message),
    ):
        executor.submit(function)


def test_a_function_that_was_typed_into_a_prompt_goes_along(
    named: GridExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed(left: int, right: int = 1) -> int:
        return left + right

    monkeypatch.setattr(typed, "__module__", "__main__")
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    assert result(named.submit(typed, 1, right=2)) == 3


def test_arguments_that_cannot_be_carried_are_told_at_once(named: GridExecutor) -> None:
    with pytest.raises(
        EncodingError, match=r"a call of 'add': argument 2: a value of type object cannot .* codec 'pickle'"
    ):
        named.submit(calls.add, {1, 2}, object())
    with pytest.raises(EncodingError, match=r"a call of 'add': the arguments are .* bytes long, more than the"):
        named.submit(calls.add, "x" * (65 << 20))
    assert result(named.submit(calls.add, 1)) == 1


def test_a_call_that_fails_is_tried_once_and_its_future_has_the_error(named: GridExecutor) -> None:
    found = error(named.submit(calls.fail, "no market"))
    assert type(found) is ValueError
    assert found.args == ("no market",)
    assert isinstance(found.__cause__, RemoteTraceback)
    assert "failed after 1 try: ValueError: no market" in str(found.__cause__)
    assert "raise ValueError(reason)" in str(found.__cause__)


def test_calls_are_tried_again_when_that_is_asked_for(grid: Grid, tmp_path: Path) -> None:
    def fail_once() -> str:
        if not (tmp_path / "tried").exists():
            (tmp_path / "tried").touch()
            raise ValueError("not yet")
        return "done"

    with grid.executor(codec="pickle", retry=RetryPolicy(tries=2)) as executor:
        assert result(executor.submit(fail_once)) == "done"


def test_codecs_carry_what_they_can(grid: Grid) -> None:
    with grid.executor(codec="msgpack") as executor:
        assert result(executor.submit(calls.add, b"a", right=b"b")) == b"ab"
    with grid.executor(codec="bytes") as executor:
        assert result(executor.submit(calls.length, b"12345")) == b"5"
        for args in ((), (b"a", b"b"), ("text",)):
            with pytest.raises(EncodingError, match=r"a call of 'length': .*bytes"):
                executor.submit(calls.length, *args)


# Pickled.


def test_whatever_can_be_pickled_is_called(pickled: GridExecutor) -> None:
    factor = 3

    class Local:
        def times(self, number: int) -> tuple[int, type]:
            return factor * number, type(self)

    assert result(pickled.submit(lambda x: {x}, (1, 2))) == {(1, 2)}
    assert result(pickled.submit(functools.partial(pow, 2), 3)) == 8
    # A class comes back as the one that went.
    assert result(pickled.submit(Local().times, 5)) == (15, Local)


def test_what_cannot_be_called_or_pickled_is_told_at_once(pickled: GridExecutor) -> None:
    with pytest.raises(ConfigError, match="only what can be called can be called on a grid, not int"):
        pickled.submit(5)  # type: ignore[arg-type]
    with pytest.raises(EncodingError, match=r"a call of 'add': .* cannot be pickled: TypeError: .*lock"):
        pickled.submit(calls.add, threading.Lock())


def test_an_error_is_the_one_that_was_raised_with_the_worker_s_traceback_as_its_cause(pickled: GridExecutor) -> None:
    class LocalError(Exception):
        pass

    def chained() -> None:
        try:
            int("first")
        except ValueError as first:
            raise LocalError("second", {3}) from first

    with pytest.raises(LocalError) as caught:
        result(pickled.submit(chained))
    assert caught.value.args == ("second", {3})
    cause = caught.value.__cause__
    assert isinstance(cause, RemoteTraceback)
    assert 'raise LocalError("second", {3}) from first' in str(cause)
    assert "invalid literal for int" in str(cause)
    assert isinstance(error(pickled.submit(calls.fail, "no market")), ValueError)


def test_an_error_that_refuses_changes_gets_its_cause(pickled: GridExecutor) -> None:
    def fail() -> None:
        raise FrozenError("cold")

    found = error(pickled.submit(fail))
    assert isinstance(found, FrozenError)
    assert isinstance(found.__cause__, RemoteTraceback)


def test_an_error_that_cannot_be_carried_is_told_in_words(pickled: GridExecutor) -> None:
    def odd() -> None:
        raise OddError(1, 2)

    def locked() -> None:
        raise ValueError("locked", threading.Lock())

    def huge() -> None:
        raise ValueError("z" * 1_000_000)

    for function, kind, message in (
        (odd, TaskFailedError, "OddError: 1 and 2"),
        (locked, ValueError, r"\('locked', .*lock object"),
        (huge, ValueError, "^zzz"),
    ):
        found = error(pickled.submit(function))
        assert type(found) is kind
        with pytest.raises(kind, match=message):
            raise found


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_task_that_exits_does_not_end_its_client(pickled: GridExecutor, kind: type[BaseException]) -> None:
    def leave() -> None:
        raise kind("enough")

    with pytest.raises(TaskFailedError, match=f"{kind.__name__}: enough"):
        result(pickled.submit(leave))


def test_a_result_that_cannot_be_pickled_fails_its_call_alone(pickled: GridExecutor) -> None:
    failed, fine = pickled.submit(threading.Lock), pickled.submit(int, "5")
    with pytest.raises(EncodingError, match=r"a value of type _thread\.lock cannot be pickled: TypeError"):
        result(failed)
    assert result(fine) == 5


def test_a_result_that_cannot_be_made_again_fails_its_call_alone(pickled: GridExecutor) -> None:
    failed, fine = pickled.submit(lambda: OddError(1, 2)), pickled.submit(int, "5")
    with pytest.raises(EncodingError, match=r"bytes cannot be unpickled: TypeError: .*'second'"):
        result(failed)
    assert result(fine) == 5


def test_a_worker_that_dies_fails_its_call_alone(pickled: GridExecutor) -> None:
    def die() -> None:
        import os

        os._exit(3)

    failed, fine = pickled.submit(die), pickled.submit(int, "5")
    with pytest.raises(TaskFailedError, match="WorkerDied: the worker exited with status 3"):
        result(failed)
    assert result(fine) == 5


# Futures.


def test_a_call_is_running_at_once_and_can_be_cancelled_only_while_it_waits(grid: Grid, tmp_path: Path) -> None:
    go = tmp_path / "go"
    with grid.executor(max_workers=1) as executor:
        first, second, third = (executor.submit(calls.hold, str(go)) for _ in range(3))
        assert first.running()
        assert not first.cancel()
        assert not second.running()
        assert second.cancel()
        go.touch()
        assert result(first) == result(third) == str(go)
        with pytest.raises(CancelledError):
            second.result(timeout=0)


def test_no_more_calls_than_max_workers_are_handed_over_whatever_their_functions(idle: Grid) -> None:
    executor = idle.executor(max_workers=2)
    futures = [executor.submit(function, 1) for function in (abs, str, abs, str, int)]
    assert [future.running() for future in futures] == [True, True, False, False, False]


def test_room_that_one_function_leaves_is_for_the_others(grid: Grid, tmp_path: Path) -> None:
    go = tmp_path / "go"
    with grid.executor(max_workers=1) as executor:
        first = executor.submit(calls.hold, str(go))
        functions: list[Any] = [abs, str, abs, float]
        others = [executor.submit(function, -1) for function in functions]
        go.touch()
        assert [result(first), *map(result, others)] == [str(go), 1, "-1", 1, -1.0]


def test_threads_do_not_grow_with_calls(grid: Grid) -> None:
    before = threads()
    with grid.executor(codec="pickle") as executor:
        functions: list[Any] = [abs, str] * 500
        futures = [executor.submit(function, 1) for function in functions]
        assert threads() <= before + 2
        assert len(wait(futures, timeout=30).done) == 1000
    assert threads() <= before


def test_calls_may_come_from_many_threads(named: GridExecutor) -> None:
    def some(first: int) -> bool:
        futures = {named.submit(calls.add, first, right=number): first + number for number in range(100)}
        return all(result(future) == futures[future] for future in as_completed(futures, timeout=30))

    assert at_once([functools.partial(some, first) for first in range(0, 4000, 1000)]) == [True] * 4


def test_a_callback_may_submit_and_shut_down_and_raise(grid: Grid, caplog: pytest.LogCaptureFixture) -> None:
    executor = grid.executor()
    done = Future[int]()

    def again(first: "Future[Any]") -> None:
        second = executor.submit(calls.add, first.result(), 1)
        second.add_done_callback(lambda future: done.set_result(future.result()))
        second.add_done_callback(lambda _: executor.shutdown())
        raise SystemExit

    with caplog.at_level(logging.ERROR):
        executor.submit(calls.add, 1, 1).add_done_callback(again)
        assert result(done) == 3
    executor.shutdown()
    assert "a callback of a future raised" in caplog.text


def test_a_future_that_somebody_else_finished_stays_as_it_is(named: GridExecutor) -> None:
    future = named.submit(time.sleep, 0.2)
    future.set_result(None)
    assert result(named.submit(calls.add, 1)) == 1


# The end.


def test_an_executor_that_was_shut_down_takes_no_more(grid: Grid) -> None:
    executor = grid.executor()
    future = executor.submit(time.sleep, 0.1)
    executor.shutdown(wait=False)
    for function in (time.sleep, abs):
        with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
            executor.submit(function, 0)
    assert result(future) is None
    executor.shutdown()


def test_an_executor_that_nobody_holds_ends_after_its_calls(grid: Grid) -> None:
    before = threads()
    future = grid.executor().submit(calls.add, 20, 1)
    gc.collect()
    assert result(future) == 21
    until(lambda: threads() <= before)


def test_the_end_of_the_grid_s_block_waits_for_calls(tmp_path: Path) -> None:
    with Grid.open(folder=tmp_path, workers=1) as grid:
        executor = grid.executor(max_workers=2)
        futures = [executor.submit(calls.add, number) for number in range(10)]
    assert [future.result(timeout=0) for future in futures] == list(range(10))
    with pytest.raises(ConfigError, match="this grid is closed"):
        executor.submit(calls.add, 1)
    executor.shutdown()


def test_an_agent_that_is_lost_costs_no_call(tmp_path: Path) -> None:
    with Grid.open(folder=tmp_path / "grid", workers=1) as grid, grid.executor(codec="pickle") as executor:
        marker = str(tmp_path / "killed")
        assert result(executor.submit(jobs.kill_the_agent_once, marker)) == marker


def test_no_calls_are_taken_while_the_grid_is_being_closed(tmp_path: Path) -> None:
    told = Future[BaseException]()

    def again(_: "Future[Any]") -> None:
        # The grid waits for the call that this one would follow.
        until(lambda: grid._calls._closing)
        try:
            executor.submit(calls.add, 2)
        except ConfigError as error:
            told.set_result(error)

    grid = Grid.open(folder=tmp_path, workers=1)
    executor = grid.executor()
    closing = threading.Thread(target=grid.close)
    executor.submit(calls.add, 1).add_done_callback(again)
    closing.start()
    closing.join(30)
    assert "this grid is closed" in str(result(told))


def test_an_error_in_the_grid_s_block_fails_the_calls_that_have_not_ended(state: MemoryStateStore) -> None:
    futures = list[Future[Any]]()
    sessions = list[SessionId]()

    def left_early() -> None:
        with Grid(state, MemoryTaskQueue(), MemoryPayloadStore()) as grid:
            executor = grid.executor(max_workers=2)
            futures.extend(executor.submit(calls.add, number) for number in range(5))
            futures[4].cancel()
            sessions.extend(status.session.id for status in grid.sessions())
            until(lambda: grid.session(sessions[0]).accepted)
            raise KeyError

    with pytest.raises(KeyError):
        left_early()
    assert futures[4].cancelled()
    for future in futures[:4]:
        with pytest.raises(ConfigError, match="the grid was closed before this call had ended"):
            result(future)
    assert [status.state for status in state.status(sessions)] == [SessionState.CANCELLED]


@pytest.mark.parametrize("seed", range(8))
def test_every_future_ends_when_a_grid_is_left_while_threads_submit(seed: int) -> None:
    """However far each call has come by then."""
    random = Random(seed)
    futures = list[Future[Any]]()

    def submit() -> None:
        with suppress(RuntimeError, ConfigError):
            while True:
                futures.append(executor.submit(abs, 1))
                if random.random() < 0.1:
                    futures[-1].cancel()

    with suppress(KeyError), Grid(MemoryStateStore(), MemoryTaskQueue(), MemoryPayloadStore()) as grid:
        executor = grid.executor(random.choice([None, 5, 500]))
        submitting = [threading.Thread(target=submit) for _ in range(3)]
        for thread in submitting:
            thread.start()
        wanted = random.randrange(300)
        until(lambda: len(futures) >= wanted)
        raise KeyError
    for thread in submitting:
        thread.join(30)
    assert not wait(futures, timeout=30).not_done


def test_a_session_that_is_cancelled_breaks_its_executor(grid: Grid, tmp_path: Path) -> None:
    executor = grid.executor(max_workers=1, labels={"test": "cancelled"})
    go = tmp_path / "go"
    futures = [executor.submit(calls.hold, str(go)) for _ in range(3)]
    (status,) = grid.sessions(labels={"test": "cancelled"})
    until(lambda: grid.session(status.session.id).accepted)
    grid.session(status.session.id).cancel()
    for future in futures:
        assert isinstance(error(future), TaskCancelledError)
    # Its worker learns of the cancel later than that.
    go.touch()
    with pytest.raises(BrokenExecutor, match=r"no more calls of tests.connector.calls:hold can be made: session .*was"):
        executor.submit(calls.hold, "x")
    # Another function's session is another.
    assert result(executor.submit(calls.add, 1)) == 1
    executor.shutdown()


def test_an_executor_of_many_calls_is_bounded_by_its_own_number(
    idle: Grid, state: MemoryStateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(defaults, "AHEAD", 5)
    executor = idle.executor(max_workers=100)
    for number in range(100):
        executor.submit(calls.add, number)
    deadline = time.monotonic() + 20
    while sum(status.total for status in state.sessions().sessions) < 100:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_store_that_is_away_for_a_moment_breaks_no_executor(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    with grid.executor() as executor:
        assert result(executor.submit(calls.add, 1)) == 1
        state = grid._state
        asked, refused = state.outcomes, list[str]()

        def away(*args: Any, **kwargs: Any) -> Any:
            if len(refused) < 3:
                refused.append("once more")
                raise ProviderUnavailableError("the store restarts")
            return asked(*args, **kwargs)

        monkeypatch.setattr(state, "outcomes", away)
        assert result(executor.submit(calls.add, 2)) == 2
        assert len(refused) == 3


def test_a_grid_that_is_left_by_an_error_does_not_wait_for_its_store(monkeypatch: pytest.MonkeyPatch) -> None:
    state = MemoryStateStore()
    asked = threading.Event()

    def away(*_: object, **__: object) -> None:
        asked.set()
        raise ProviderUnavailableError("the store restarts")

    with suppress(KeyError), Grid(state, MemoryTaskQueue(), MemoryPayloadStore()) as grid:
        future = grid.executor().submit(abs, 1)
        monkeypatch.setattr(state, "outcomes", away)
        assert asked.wait(30)
        left = time.monotonic()
        raise KeyError
    assert time.monotonic() - left < defaults.PATIENCE.total_seconds() / 2
    assert isinstance(error(future), ConfigError)


def test_a_store_that_fails_breaks_the_executor(
    idle: Grid, state: MemoryStateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = idle.executor(max_workers=1)
    first, second = executor.submit(abs, 1), executor.submit(abs, 2)
    monkeypatch.setattr(defaults, "PATIENCE", timedelta(milliseconds=100))

    def gone(*_: object, **__: object) -> None:
        raise ProviderUnavailableError("the store is gone")

    monkeypatch.setattr(state, "outcomes", gone)
    monkeypatch.setattr(state, "add", gone)
    for future in (first, second):
        assert isinstance(error(future), ProviderUnavailableError)
    with pytest.raises(BrokenExecutor, match="no more calls of builtins:abs can be made: the store is gone") as caught:
        executor.submit(abs, 1)
    assert isinstance(caught.value.__cause__, ProviderUnavailableError)


def _submit_in_child(executor: GridExecutor, found: Any) -> None:
    try:
        executor.submit(abs, 1)
    except RuntimeError as error:
        found.put(str(error))
    executor.shutdown()


# Python warns of what this test is about.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_an_executor_does_not_go_through_a_fork(named: GridExecutor) -> None:
    assert result(named.submit(abs, -1)) == 1
    context = multiprocessing.get_context("fork")
    found = context.SimpleQueue()
    child = context.Process(target=_submit_in_child, args=(named, found))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert "its threads did not come along when process" in found.get()
    assert result(named.submit(abs, -2)) == 2


# Options.


def test_options_are_checked_when_the_executor_is_made(grid: Grid) -> None:
    with pytest.raises(ConfigError, match="there is no codec 'yaml'"):
        grid.executor(codec="yaml")
    with pytest.raises(ConfigError, match="priority must be a whole number"):
        grid.executor(priority=9)
    with pytest.raises(TypeError, match="unknown option 'colour'"):
        grid.executor(colour="red")  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="max_workers must be a whole number, or None, not 'two'"):
        grid.executor("two")  # type: ignore[arg-type]


def test_a_time_out_is_for_each_call(grid: Grid) -> None:
    with grid.executor(timeout=0.3) as executor:
        assert "TimedOut" in str(error(executor.submit(time.sleep, 60)))


# asyncio.


def test_futures_are_awaited(named: GridExecutor, pickled: GridExecutor) -> None:
    async def run() -> list[Any]:
        loop = asyncio.get_running_loop()
        many = (asyncio.wrap_future(named.submit(calls.add, number, 1)) for number in range(100))
        return [
            sum(await asyncio.gather(*many)),
            await loop.run_in_executor(pickled, lambda: "from the loop"),
        ]

    assert asyncio.run(run()) == [5050, "from the loop"]


def test_an_error_is_raised_where_it_is_awaited(pickled: GridExecutor) -> None:
    async def run() -> None:
        await asyncio.wait_for(asyncio.wrap_future(pickled.submit(int, "one")), 30)

    with pytest.raises(ValueError, match="invalid literal for int"):
        asyncio.run(run())
