"""Futures of executors raise Python's own exceptions as themselves, with any codec."""

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from htcgrid import Grid
from htcgrid.connector.executor import GridExecutor
from htcgrid.connector.remote_traceback import RemoteTraceback
from htcgrid.errors import TaskFailedError
from htcgrid.model.builtin_error import BuiltinError, made
from tests.connector.builtin_errors import MADE, OTHERS, RAISING, SHOWN, throw


@pytest.fixture(scope="module")
def executor(grid: Grid) -> Iterator[GridExecutor]:
    with grid.executor() as executor:
        # Its threads are this fixture's, and not those of the first test.
        assert executor.submit(throw, "fine").result(timeout=120) == "fine"
        yield executor


def _error(executor: GridExecutor, name: str) -> BaseException:
    error = executor.submit(throw, name).exception(timeout=120)
    assert error is not None
    return error


def _told(error: BaseException) -> tuple[Any, ...]:
    """Return all that can be told of an exception; of a group, also what it holds."""
    members = [_told(member) for member in getattr(error, "exceptions", ())]
    names = ("errno", "strerror", "filename", "filename2", "name", "path", "value", "code", "start", "object", "text")
    args = error.args[: 1 if members else None]
    return str(error), args, members, {name: getattr(error, name, None) for name in names}, vars(error)


@pytest.mark.parametrize("name", [*RAISING, *MADE])
def test_a_call_raises_an_exception_of_pythons_own_as_itself(executor: GridExecutor, name: str) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - of each kind
        throw(name)
    found = _error(executor, name)
    assert isinstance(found, type(raised.value))
    # asyncio refuses a plain StopIteration.
    assert type(found) is type(raised.value) or isinstance(found, StopIteration)
    if name != "many bytes that are no text":
        assert _told(found) == _told(raised.value)
    assert isinstance(found.__cause__, RemoteTraceback)
    assert "failed after 1 try: " in str(found.__cause__)
    assert "builtin_errors.py" in str(found.__cause__)


@pytest.mark.parametrize("name", RAISING)
def test_so_does_a_call_of_a_function_that_has_no_name(executor: GridExecutor, name: str) -> None:
    found = executor.submit(lambda wanted: throw(*wanted), [name]).exception(timeout=120)
    assert isinstance(found, type(_error(executor, name)))
    assert isinstance(found.__cause__, RemoteTraceback)


def test_an_error_in_a_long_text_tells_its_place(executor: GridExecutor) -> None:
    found = _error(executor, "many bytes that are no text")
    assert isinstance(found, UnicodeDecodeError)
    assert found.object[found.start : found.end] == b"\xff"
    assert "byte 0xff in position 100: invalid start byte (it is at position 100000 of 200001)" in str(found)


@pytest.mark.parametrize("name", OTHERS)
def test_any_other_exception_of_a_call_is_a_task_that_failed(executor: GridExecutor, name: str) -> None:
    found = _error(executor, name)
    assert type(found) is TaskFailedError
    assert f": {type(OTHERS[name]()).__name__}" in str(found)


@pytest.mark.parametrize("shown", SHOWN)
def test_an_argument_that_is_no_plain_data_arrives_as_it_is_shown(executor: GridExecutor, shown: str) -> None:
    found = _error(executor, shown)
    assert repr(found) == shown
    if isinstance(found, OSError):
        assert found.filename == "/curves"


def test_the_executors_map_raises_them_too(executor: GridExecutor) -> None:
    results = executor.map(throw, ["fine", "division", "fine"])
    assert next(results) == "fine"
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_the_grids_map_tells_the_task_that_failed(grid: Grid) -> None:
    results = list(grid.map(throw, ["division", "fine"], return_exceptions=True))
    assert isinstance(results[0], TaskFailedError)
    assert results[1] == "fine"


def test_each_such_exception_is_awaited_by_a_loop(executor: GridExecutor) -> None:
    async def all_of_them() -> list[BaseException | str]:
        futures = [asyncio.wrap_future(executor.submit(throw, name)) for name in [*RAISING, *MADE, *OTHERS]]
        return await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 120)

    assert all(isinstance(error, Exception) for error in asyncio.run(all_of_them()))


@pytest.mark.parametrize(
    "data",
    [
        BuiltinError("SystemExit", [3]),
        BuiltinError("exec", ["print()"]),
        BuiltinError("int", ["3"]),
        BuiltinError("__import__", ["os"]),
        BuiltinError("NoSuchError", []),
        BuiltinError("UnicodeDecodeError", ["too", "few"]),
        BuiltinError("ExceptionGroup", ["without members"]),
        BuiltinError("ExceptionGroup", ["exits"], members=[BuiltinError("SystemExit", [])]),
    ],
)
def test_data_that_makes_no_exception_makes_none(data: BuiltinError) -> None:
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(data), type=BuiltinError)
    assert made(read) is None


@pytest.mark.parametrize("name", ["__class__", "__traceback__", "__cause__", "__notes__", "args", "with_traceback"])
def test_what_an_exceptions_class_has_is_not_set_by_data(name: str) -> None:
    error = made(BuiltinError("ValueError", ["x"], {name: 5, "code": 7}))
    assert type(error) is ValueError
    assert error.args == ("x",)
    assert vars(error) == {"code": 7}
    assert error.__traceback__ is None
