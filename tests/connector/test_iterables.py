"""What is given as tasks is taken as people mean it, or refused with what to pass."""

import gc
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from htcgrid import Grid
from htcgrid.errors import ConfigError, EncodingError
from htcgrid.testing import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue

ECHO = "tests.agent.jobs:echo"


@pytest.fixture
def idle() -> Iterator[Grid]:
    """A grid without agents: its tasks are accepted, and none ends."""
    with Grid(MemoryStateStore(), MemoryTaskQueue(), MemoryPayloadStore()) as grid:
        yield grid


def trades() -> Iterator[int]:
    yield 1


async def some() -> list[int]:
    return [1]


async def ticks() -> AsyncIterator[int]:
    yield 1


class Table:
    """Stands for the tables of other libraries."""

    columns = ("a", "b")

    def to_dicts(self) -> list[dict[str, int]]:
        return []

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)


class Exchanged:
    def __dataframe__(self) -> None:
        """Return nothing: whoever has this is a table."""

    def __iter__(self) -> Iterator[str]:
        return iter("ab")


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "text": (lambda: "abc", "not a single str: pass a list"),
    "bytes": (lambda: b"abc", "not a single bytes"),
    "a bytearray": (lambda: bytearray(b"abc"), "not a single bytearray"),
    "a memoryview": (lambda: memoryview(b"abc"), "not a single memoryview"),
    "a dict": (lambda: {"a": 1}, "not a single dict"),
    "a number": (lambda: 5, "not a single int"),
    "None": (lambda: None, "not a single NoneType"),
    "an array without dimensions": (lambda: np.array(5), "not a single ndarray"),
    "a generator function": (lambda: trades, r"a generator function, .*: pass trades\(\) and not trades"),
    "a coroutine function": (lambda: some, r"a coroutine function: pass what 'await some\(\)' returns"),
    "an async generator function": (lambda: ticks, r"pass \[task async for task in ticks\(\)\]"),
    "a coroutine": (some, r"a coroutine: pass what 'await some\(\)' returns"),
    "an async generator": (ticks, r"asynchronous: pass \[item async for item in ticks\]"),
    "a frame": (lambda: pd.DataFrame({"a": [1]}), r'a DataFrame would give .*: pass frame.to_dict\("records"\)'),
    "another table": (Table, "a Table would give the names of its columns"),
    "what says that it is a table": (Exchanged, "a Exchanged would give the names of its columns"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_iterable_of_tasks_is_refused_with_what_to_pass(idle: Grid, name: str) -> None:
    make, message = REFUSED[name]
    with warnings.catch_warnings():
        # Nothing is left that Python would say was never awaited.
        warnings.simplefilter("error")
        with pytest.raises(ConfigError, match=message):
            idle.submit(ECHO, make())
        with idle.open_session(ECHO) as session, pytest.raises(ConfigError, match=message):
            session.extend(make())
        if "a single" not in message or name in {"a number", "None"}:
            with pytest.raises(ConfigError, match=rf"argument 2 after the function must be an iterable.*{message}"):
                idle.map(pow, [1], make())
            with idle.executor() as executor, pytest.raises(ConfigError, match=rf"argument 2 .*{message}"):
                executor.map(pow, [1], make())
        gc.collect()
    assert all(not status.total for status in idle.sessions())


@dataclass
class Trade:
    price: float


KEPT: dict[str, Callable[[], Any]] = {
    "a list": lambda: [1, 2],
    "a tuple": lambda: (1, "b"),
    "a set": lambda: set(range(2)),
    "a range": lambda: range(2),
    "the rows of a frame": lambda: pd.DataFrame({"a": [1, 2]}).to_dict("records"),
    "tuples": lambda: zip([1, 2], [3, 4], strict=True),
    "keys": {1: "a", 2: "b"}.keys,
    "a generator": lambda: (number for number in range(2)),
    "dataclasses": lambda: [Trade(1.5), Trade(2)],
}


@pytest.mark.parametrize("name", KEPT)
def test_iterables_give_one_task_per_item(idle: Grid, name: str) -> None:
    assert idle.submit(ECHO, KEPT[name]()).submitted(timeout=20) == 2


def test_named_tuples_of_a_frame_are_refused_with_what_to_send(idle: Grid) -> None:
    with pytest.raises(EncodingError, match=r"task 0: a value of type .* a named tuple would arrive as tuple"):
        idle.submit(ECHO, list(pd.DataFrame({"a": [1]}).itertuples(index=False)))
