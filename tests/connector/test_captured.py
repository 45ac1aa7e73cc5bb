"""What pickled functions capture: it is sent once, and no call sees what another has changed in it."""

import functools
import operator
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid, GridExecutor, RetryPolicy
from htcgrid.errors import EncodingError, ProviderUnavailableError
from htcgrid.model.call import FRESH_BYTES, INLINE_BYTES
from htcgrid.testing import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue
from tests.connector import calls

ONCE = RetryPolicy(tries=1)
#: More than the calls of a function carry along, and than is made anew for each.
PUT, KEPT = bytes(INLINE_BYTES + 1), bytes(FRESH_BYTES + 1)
LARGE = "is .* MB with what it captures: .* sent once and kept between calls, its arrays read-only.*grid.put"


@pytest.fixture(scope="module")
def pickled(grid: Grid) -> Iterator[GridExecutor]:
    with grid.executor(codec="pickle") as executor:
        yield executor


class Box:
    """A callable, with something in it."""

    def __init__(self, *values: Any) -> None:
        self.values = list(values)

    def __call__(self, value: Any) -> Any:
        return self.add(value)

    def add(self, value: Any) -> Any:
        self.values.append(value)
        return list(self.values)

    @classmethod
    def name(cls, value: Any) -> Any:
        return cls.__name__, value

    @staticmethod
    def double(value: Any) -> Any:
        return 2 * value


COUNT = [0]


def closure(value: Any) -> Callable[[Any], Any]:
    held = [value]

    def function(more: Any) -> Any:
        held.append(more)
        return list(held)

    return function


def capturing(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: [*function(value)]


def nested(value: Any) -> Callable[[Any], Any]:
    def outer(more: Any) -> Any:
        def inner() -> Any:
            return value, more

        return inner()

    return outer


def recursive() -> Callable[[int], int]:
    def factorial(number: int) -> int:
        return 1 if number < 2 else number * factorial(number - 1)

    return factorial


def with_default() -> Callable[..., Any]:
    def function(value: Any, into: list[Any] = []) -> Any:  # noqa: B006 - that is what is tried
        into.append(value)
        return list(into)

    return function


def with_global() -> Callable[[int], Any]:
    def function(value: int) -> Any:
        COUNT.append(value)
        return list(COUNT)

    # Its globals travel, as those of a script's functions do.
    function.__module__ = "__main__"
    return function


def with_attribute() -> Callable[[int], Any]:
    def function(value: int) -> Any:
        function.seen = [*getattr(function, "seen", []), value]  # type: ignore[attr-defined]
        return function.seen  # type: ignore[attr-defined]

    return function


#: What is called twice, and what both calls return: neither sees the other.
FUNCTIONS: dict[str, tuple[Callable[[], Any], Any, Any]] = {
    "lambda": (lambda: lambda value: {value}, 1, {1}),
    "closure": (lambda: closure("a"), 1, ["a", 1]),
    "partial": (lambda: functools.partial(pow, 2), 3, 8),
    "partial of a lambda": (lambda: functools.partial(lambda held, value: held.append(value) or held, []), 1, [1]),
    "bound method": (lambda: Box("a").add, 1, ["a", 1]),
    "bound method of a list": (lambda: ["a", "b"].index, "b", 1),
    "class method": (lambda: Box.name, 1, ("Box", 1)),
    "static method": (lambda: Box.double, 4, 8),
    "instance": (lambda: Box("a"), 1, ["a", 1]),
    "class": (lambda: complex, 1, 1 + 0j),
    "nested functions": (lambda: nested("a"), 1, ("a", 1)),
    "recursive": (recursive, 5, 120),
    "mutable default": (with_default, 1, [1]),
    "global": (with_global, 1, [0, 1]),
    "attribute of the function": (with_attribute, 1, [1]),
    "function of a module": (lambda: calls.length, b"four", b"4"),
    "builtin": (lambda: abs, -3, 3),
    "captured function": (lambda: capturing(closure("b")), 1, ["b", 1]),
    "captured class": (lambda: lambda value, of=Box: of(value).add(2), 1, [1, 2]),
    "getter": (lambda: operator.itemgetter(1), [1, 2], 2),
}


@pytest.mark.parametrize(("make", "argument", "result"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_calls_have_what_a_function_captures_and_do_not_see_each_other(
    grid: Grid, pickled: GridExecutor, make: Callable[[], Any], argument: Any, result: Any
) -> None:
    function = make()
    assert [pickled.submit(function, argument).result(timeout=30) for _ in range(3)] == [result] * 3
    assert list(grid.map(function, [argument] * 3, codec="pickle")) == [result] * 3


def test_a_function_that_is_put_is_made_anew_for_each_call_too(grid: Grid, pickled: GridExecutor) -> None:
    held: list[Any] = [PUT]

    def function(value: Any) -> Any:
        held.append(value)
        return held[1:]

    assert [pickled.submit(function, number).result(timeout=30) for number in range(4)] == [[0], [1], [2], [3]]
    assert list(grid.map(function, range(4), codec="pickle")) == [[0], [1], [2], [3]]


def test_each_lambda_of_many_is_called_as_itself(pickled: GridExecutor) -> None:
    futures = [pickled.submit(function) for function in ((lambda n=n: n) for n in range(200))]
    assert [future.result(timeout=30) for future in futures] == list(range(200))


@pytest.mark.parametrize("data", [b"", PUT])
def test_what_changes_between_two_calls_is_seen(pickled: GridExecutor, data: bytes) -> None:
    held: list[Any] = [data, 1]

    def function() -> Any:
        return held[1:]

    assert pickled.submit(function).result(timeout=30) == [1]
    held.append(2)
    assert pickled.submit(function).result(timeout=30) == [1, 2]


def test_a_large_function_is_kept_and_a_warning_at_the_caller_s_line_says_so(grid: Grid) -> None:
    held: list[Any] = [KEPT, 1]

    def function(more: Any) -> Any:
        held.append(more)
        return held[1:]

    with grid.executor(codec="pickle") as executor:
        with pytest.warns(UserWarning, match=f"function'.*{LARGE}") as warned:
            first = executor.submit(function, 2)
        assert [warning.filename for warning in warned] == [__file__]
        assert first.result(timeout=30) == [1, 2]
        held.append("not seen")
        # Once per function.
        found = executor.submit(function, 3).result(timeout=30)
        assert found in ([1, 3], [1, 2, 3])
    with grid.executor(codec="pickle") as executor:
        with pytest.warns(UserWarning, match=LARGE) as warned:
            assert list(executor.map(function, [4])) == [[1, "not seen", 4]]
        assert [warning.filename for warning in warned] == [__file__]
    with pytest.warns(UserWarning, match=LARGE) as warned:
        results = grid.map(lambda value: len(KEPT) + value, [1, 2], codec="pickle")
    assert [warning.filename for warning in warned] == [__file__]
    assert list(results) == [len(KEPT) + 1, len(KEPT) + 2]


def test_a_large_object_is_known_by_its_methods_and_is_warned_of_once(grid: Grid) -> None:
    box = Box(KEPT)
    with grid.executor(codec="pickle") as executor:
        with pytest.warns(UserWarning, match=LARGE) as warned:
            futures = [executor.submit(box.add, number) for number in range(3)]
        assert len(warned) == 1
        lengths = [len(future.result(timeout=30)) for future in futures]
    assert lengths[0] == 2
    assert lengths[-1] <= 4


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_captured_arrays_are_fresh_and_writable_or_kept_and_read_only(grid: Grid, large: bool) -> None:
    numpy = pytest.importorskip("numpy")
    size = 200_000 if large else 10
    arrays = {
        "plain": numpy.arange(float(size)),
        "fortran": numpy.ones((size // 5, 10), order="F"),
        "strided": numpy.arange(2 * size)[::2],
        "turned": numpy.arange(size)[::-1],
        "dates": numpy.zeros(size, dtype="datetime64[ns]"),
        "strided dates": numpy.zeros(2 * size, dtype="datetime64[s]")[::2],
        "records": numpy.zeros(size, dtype=[("when", "datetime64[ns]"), ("price", float)]),
    }

    def function(name: str) -> Any:
        array = arrays[name]
        try:
            array[0] = array[1]
        except ValueError as error:
            return str(error), array.flags.aligned, array.dtype.str, array.shape
        return "written", array.flags.aligned, array.dtype.str, array.shape

    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if large else "error")
        found = list(grid.map(function, [*arrays, *arrays], codec="pickle"))
    said = "assignment destination is read-only" if large else "written"
    assert found == [(said, True, array.dtype.str, array.shape) for array in arrays.values()] * 2


class NoPickle:
    def __reduce__(self) -> Any:
        raise OSError("not today")


UNPICKLABLE: list[tuple[Any, str]] = [
    (threading.Lock(), r"TypeError: cannot pickle '_thread.lock' object"),
    (NoPickle(), "OSError: not today"),
    ((number for number in range(3)), "TypeError: cannot pickle 'generator' object"),
]


@pytest.mark.parametrize(("captured", "why"), UNPICKLABLE)
def test_what_cannot_be_pickled_is_refused_at_once_and_in_words(
    grid: Grid, pickled: GridExecutor, captured: Any, why: str
) -> None:
    def function(value: Any) -> Any:
        return captured, value

    said = rf"a call of '.*function': it cannot be pickled: {why}; leave out what belongs to this process"
    with pytest.raises(EncodingError, match=said):
        pickled.submit(function, 1)
    with pytest.raises(EncodingError, match=said):
        grid.map(function, [1], codec="pickle")


class Refused:
    """One that can be pickled, and not be made again."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


def test_a_function_that_cannot_be_made_again_fails_its_calls_in_words(pickled: GridExecutor) -> None:
    for extra in (b"", PUT):
        function = functools.partial(calls.show, Refused(), extra)
        with pytest.raises(EncodingError, match="cannot be unpickled: ValueError: invalid literal"):
            pickled.submit(function).result(timeout=30)


def needs(path: Path, data: bytes) -> Callable[[str], Any]:
    def function(name: str) -> Any:
        return (path / name).read_text(), len(data)

    return function


@pytest.mark.parametrize("data", [b"", PUT, KEPT], ids=["carried", "put", "kept"])
@pytest.mark.filterwarnings("ignore:.*with what it captures")
def test_failed_calls_are_submitted_again_with_their_functions(grid: Grid, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "there").write_text("found")
    labels = {"test": tmp_path.name}
    functions = [needs(tmp_path, data), needs(tmp_path, data + b"2")]
    with grid.executor(codec="pickle", labels=labels) as executor:
        futures = [executor.submit(function, name) for function in functions for name in ("there", "late")]
        assert [future.exception(timeout=30) is None for future in futures] == [True, False, True, False]
    (origin,) = [status.session.id for status in grid.sessions(labels=labels)]
    again = grid.retry(origin, pickle=True)
    assert again.wait(timeout=30).failed == 2
    # It has them from the session that it is made of, and would without that.
    grid._payloads.delete(prefix=origin)
    (tmp_path / "late").write_text("found late")
    third = grid.retry(again.id, pickle=True)
    assert third.results(timeout=30) == [("found late", len(data)), ("found late", len(data) + 1)]


def test_a_function_that_is_gone_is_told_when_its_calls_are_submitted_again(grid: Grid, tmp_path: Path) -> None:
    labels = {"test": tmp_path.name}
    function = needs(tmp_path, PUT)
    assert isinstance(next(grid.map(function, ["x"], codec="pickle", labels=labels, return_exceptions=True)), OSError)
    (origin,) = [status.session.id for status in grid.sessions(labels=labels)]
    grid._payloads.delete(prefix=f"{origin}/shared")
    with pytest.raises(EncodingError, match=f"the function of tasks of session {origin} is not in the payload store"):
        grid.retry(origin)
    # Nothing was begun that would stand open.
    assert [status.session.id for status in grid.sessions(labels=labels)] == [origin]


class CountedStore(MemoryPayloadStore):
    """Keeps what was put, and fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []
        self.failing = False

    def put(self, blobs: Mapping[str, bytes]) -> None:
        if self.failing:
            raise ProviderUnavailableError("it is away")
        self.keys += [key for key in blobs if "/shared/" in key]
        super().put(blobs)


@pytest.fixture
def store() -> CountedStore:
    return CountedStore()


@pytest.fixture
def idle(store: CountedStore) -> Iterator[Grid]:
    """A grid without agents: calls are handed over, and none ends."""
    with Grid(MemoryStateStore(), MemoryTaskQueue(), store) as grid:
        yield grid
        grid._calls.fail()


@pytest.mark.parametrize(("size", "calls_made", "put"), [(10, 5, 0), (10, 2000, 1), (70_000, 5, 1), (900_000, 5, 1)])
def test_a_function_is_sent_once_by_its_session(
    idle: Grid, store: CountedStore, size: int, calls_made: int, put: int
) -> None:
    data = bytes(size)
    executor = idle.executor(codec="pickle")
    for number in range(calls_made):
        # Another object, of the same content.
        executor.submit(lambda number: len(data) + number, number)
    assert len(store.keys) == put


def test_a_store_that_is_away_delays_only_functions_that_calls_cannot_carry(idle: Grid, store: CountedStore) -> None:
    small, large = Box(bytes(20_000)), Box(bytes(100_000))
    executor = idle.executor(codec="pickle")
    executor.submit(small, 1)
    store.failing = True
    for _ in range(10):
        executor.submit(small, 1)
    with pytest.raises(ProviderUnavailableError, match="it is away"):
        executor.submit(large, 1)
    assert store.keys == []
    store.failing = False
    executor.submit(small, 1)
    executor.submit(large, 1)
    assert len(store.keys) == 2


def test_a_function_stands_beside_the_payloads_of_its_session_and_goes_with_them(
    idle: Grid, store: CountedStore
) -> None:
    idle.executor(codec="pickle", labels={"test": "beside"}).submit(Box(PUT), 1)
    (session,) = [status.session.id for status in idle.sessions(labels={"test": "beside"})]
    assert [key.split("/")[:2] for key in store.keys] == [[session, "shared"]]


def test_a_function_that_is_too_large_for_the_store_is_told(idle: Grid, store: CountedStore) -> None:
    store.limits = type(store.limits)(size=100_000)
    with pytest.raises(EncodingError, match=r"it is 200.* bytes long, more than the 100000 .* by grid.put"):
        idle.executor(codec="pickle").submit(Box(bytes(200_000)), 1)
