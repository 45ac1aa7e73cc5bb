"""A retry policy takes seconds and exceptions as people write them, and says what is wrong with others."""

from datetime import timedelta
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pytest

from htcgrid import RetryPolicy, TaskError
from htcgrid.errors import ConfigError, TaskFailedError


class BusyError(Exception):
    class Inner(Exception):  # noqa: N818 - stands in another
        pass


def _local() -> type[Exception]:
    class LocalError(Exception):
        pass

    return LocalError


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (0, timedelta(0)),
        (0.0, timedelta(0)),
        (2, timedelta(seconds=2)),
        (0.25, timedelta(milliseconds=250)),
        (np.float64(0.5), timedelta(milliseconds=500)),
        (timedelta(minutes=1), timedelta(minutes=1)),
        (86_400, timedelta(days=1)),
    ],
)
def test_a_wait_is_a_number_of_seconds_or_a_timedelta(given: Any, kept: timedelta) -> None:
    assert RetryPolicy(backoff=given).backoff == kept
    assert RetryPolicy(limit=given) == RetryPolicy(limit=kept)


@pytest.mark.parametrize(
    "wait",
    [-1, -0.1, float("nan"), float("inf"), 1e10, True, "2", None, [1], timedelta(seconds=-1), Fraction(1), b"1", 2j],
)
def test_a_wait_that_is_none_is_refused(wait: Any) -> None:
    for name in ("backoff", "limit"):
        with pytest.raises(ConfigError, match=f"retry {name} must be a number of seconds, or a timedelta, of zero or"):
            RetryPolicy(**{name: wait})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([ValueError], ("ValueError",)),
        ((OSError, "desk.Busy"), ("OSError", "desk.Busy")),
        ([BusyError], (f"{__name__}.BusyError",)),
        ([BusyError.Inner], (f"{__name__}.BusyError.Inner",)),
        ([TaskError], ("htcgrid.errors.TaskError",)),
        ([msgspec.DecodeError], ("msgspec.DecodeError",)),
        ([KeyboardInterrupt], ("KeyboardInterrupt",)),
        ([_local()], ("LocalError",)),
        ({ValueError}, ("ValueError",)),
        (frozenset({"b", "a"}), ("a", "b")),
        ([], ()),
        (["TimedOut", "WorkerDied"], ("TimedOut", "WorkerDied")),
    ],
)
def test_exceptions_are_given_by_class_or_by_name(given: Any, kept: tuple[str, ...]) -> None:
    assert RetryPolicy(only=given).only == kept
    assert RetryPolicy(never=given) == RetryPolicy(never=kept)


def test_a_class_of_the_script_has_the_name_that_its_workers_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BusyError, "__module__", "__main__")
    monkeypatch.setattr("htcgrid.model.retrying.script_home", lambda: "/home/desk/book.py")
    assert RetryPolicy(only=[BusyError]).only == ("__main__.BusyError",)
    monkeypatch.setattr("htcgrid.model.retrying.script_home", lambda: "desk.book")
    assert RetryPolicy(only=[BusyError]).only == ("desk.book.BusyError",)


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        (ValueError, r"not <class 'ValueError'>: put the one into a list, as \[ValueError\]"),
        ("ValueError", "not 'ValueError'"),
        ([int], "not <class 'int'>, which is a class, but none of exceptions"),
        ([ValueError("x")], r"not ValueError\('x'\)"),
        ([5], "not 5"),
        ([None], "not None"),
        ([""], "not ''"),
        (["desk."], "not 'desk.'"),
        (["desk:Busy"], "not 'desk:Busy'"),
        (["a b"], "not 'a b'"),
        (["x" * 201], "not 'xxx"),
        (["\udcff"], "not '"),
        (["a"] * 33, "at most 32 exceptions, not 33"),
        (5, "not 5"),
        (None, "not None"),
        ({"ValueError": 1}, "not {'ValueError': 1}"),
    ],
)
def test_exceptions_that_are_none_are_refused(errors: Any, message: str) -> None:
    for name in ("only", "never"):
        with pytest.raises(ConfigError, match=f"retry {name} must .*{message}"):
            RetryPolicy(**{name: errors})


def test_a_policy_is_read_back_as_it_was() -> None:
    policy = RetryPolicy(tries=2, backoff=0.5, limit=9, only=[ValueError, BusyError], never=["TimedOut"])
    assert msgspec.json.decode(msgspec.json.encode(policy), type=RetryPolicy) == policy


def test_a_class_stands_for_what_is_derived_from_it() -> None:
    policy = RetryPolicy(only=[BusyError], never=[TaskFailedError])
    assert policy.retries({f"{__name__}.BusyError", "Exception"})
    assert not policy.retries({"ValueError"})
