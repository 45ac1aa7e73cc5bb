"""What a task changes in a shared input, no other task gets, however the input is asked for."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from htcgrid import Grid, RetryPolicy
from tests.agent import leaving
from tests.agent.leaving import outcomes

NUMBERS = np.arange(20_000.0)
READ_ONLY = "is read-only"


@dataclass
class Market:
    curve: Any
    name: str = "eur"


#: What is put, what a task does with it as ``it``, and whether that is an error.
CHANGED: dict[str, tuple[Any, str, bool]] = {
    "a small array": (np.arange(4.0), "it *= 2", False),
    "a large array": (NUMBERS, "it *= 2", True),
    "a part of a large array": (NUMBERS, "it[3:5].fill(7)", True),
    "a large array in place": (NUMBERS[::-1].copy(), "it.sort()", True),
    "a small list": ([1, [2]], "it[1].append(3)", False),
    "a small dict": ({"a": {"b": 1}}, "it['a']['b'] += 1", False),
    "a small set": ({1, 2}, "it.add(3)", False),
    "small bytes": (bytearray(b"ab"), "it.reverse()", False),
    "a small dataclass": (Market([1]), "it.curve.append(2); it.name = 'usd'", False),
    "a dict of large arrays": ({"a": NUMBERS, "b": NUMBERS}, "it['a'] = it['b'] * 2", False),
    "a large array in a dict": ({"a": NUMBERS}, "it['a'] += 1", True),
    "a large array in lists": ([[NUMBERS], (NUMBERS, [1])], "it[1][1].append(2); it[0].clear()", False),
    "a large array in a tuple": (("a", NUMBERS), "it[1][0] = 5", True),
    "a large array in a dataclass": (Market(NUMBERS), "it.curve[0] = 5", True),
    "large dates": (np.arange(20_000).astype("M8[s]"), "it[0] = it[1]", True),
    "a frame": (pd.DataFrame({"a": NUMBERS, "b": NUMBERS}), "it['a'] *= 2", False),
    "a cell of a frame": (pd.DataFrame({"a": NUMBERS}), "it.iloc[0, 0] = 5", False),
    "columns of a frame": (pd.DataFrame({"a": NUMBERS}), "it['c'] = 1; it.columns = ['x', 'y']", False),
    "rows of a frame": (pd.DataFrame({"a": NUMBERS}), "it.drop(index=0, inplace=True)", False),
    "a frame in a dict": ({"f": pd.DataFrame({"a": NUMBERS})}, "it['f'].loc[0, 'a'] = 5", False),
    "a series": (pd.Series(NUMBERS), "it += 1", False),
    "a cell of a series": (pd.Series(NUMBERS), "it.iloc[3] = 1", False),
    "dates among large text": ({"a": "x" * 100_000, "d": dt.date(2024, 1, 1)}, "it['d'] = None", False),
}
_LOOK = "import pickle, hashlib; result = hashlib.sha256(pickle.dumps(it)).hexdigest()"


def done(grid: Grid, ref: str, code: str, *, times: int = 1) -> list[Any]:
    task = f"it = CONTEXT.get({str(ref)!r}); {code}"
    return [each.error or each.value for each in outcomes(grid, leaving.do_with_context, *[task] * times)]


@pytest.mark.parametrize("codec", ["typed", "pickle"])
@pytest.mark.parametrize("name", CHANGED)
def test_what_a_task_changes_in_a_shared_input_no_other_gets(lone: Grid, name: str, codec: str) -> None:
    value, change, refused = CHANGED[name]
    before = f"{_LOOK}; {change}"
    ref = lone.put(value, codec=codec)
    [first] = done(lone, ref, _LOOK)
    # In one session, and in the next ones, which put the same data once more.
    found = done(lone, ref, before, times=3)
    found += done(lone, lone.put(value, codec=codec), before, times=2)
    if refused:
        assert all(READ_ONLY in error.message for error in found), found
        found = done(lone, ref, _LOOK, times=2)
    assert set(found) == {first}


def test_what_a_session_changes_in_a_large_container_the_next_one_does_not_get(lone: Grid) -> None:
    ref = lone.put([float(number) for number in range(20_000)])
    for _ in range(2):
        assert done(lone, ref, "it.append(1); result = len(it)", times=2) == [20_001, 20_002]


def test_a_task_gets_the_same_object_whenever_it_asks(lone: Grid) -> None:
    for value in ([1], {"a": NUMBERS}, list(range(50_000))):
        ref = lone.put(value)
        assert done(lone, ref, f"result = it is CONTEXT.get({str(ref)!r})", times=2) == [True, True]


def doubled(array: Any) -> float:
    array *= 2
    return float(array.sum())


@pytest.mark.parametrize("codec", ["typed", "pickle"])
@pytest.mark.parametrize("way", ["map", "executor"])
def test_no_call_sees_what_another_changed_in_a_referred_argument(lone: Grid, way: str, codec: str) -> None:
    ref = lone.put(np.ones(4))
    once = RetryPolicy(tries=1)
    if way == "map":
        assert list(lone.map(doubled, [ref] * 3, codec=codec, retry=once)) == [8.0] * 3
    else:
        with lone.executor(codec=codec, retry=once) as executor:
            assert [executor.submit(doubled, ref).result(timeout=30) for _ in range(3)] == [8.0] * 3
