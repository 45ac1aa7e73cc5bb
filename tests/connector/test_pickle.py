"""Payloads and results of any kind, where both sides allow it."""

from typing import Any

import pytest

from htcgrid import Grid, RetryPolicy
from htcgrid.errors import ConfigError, EncodingError, TaskFailedError
from tests.agent import jobs

ONCE = RetryPolicy(tries=1)


def test_tasks_take_and_return_any_object(grid: Grid) -> None:
    tasks: list[Any] = [{1, 2}, (3, (4,)), None, b"\0", 1 << 80, range(3)]
    assert grid.submit(jobs.echo, tasks, codec="pickle").results(timeout=30) == tasks
    with grid.open_session(jobs.echo, codec="pickle") as session:
        session.add({1})
    assert session.results(timeout=30) == [{1}]


def test_a_payload_that_cannot_be_pickled_is_refused_with_its_number(grid: Grid) -> None:
    with pytest.raises(EncodingError, match="task 1: a value of type generator cannot be pickled"):
        grid.submit(jobs.echo, [1, (x for x in "a")], codec="pickle")


def test_a_task_that_fails_keeps_its_exception_beside_its_outcome(grid: Grid) -> None:
    session = grid.submit(jobs.oops, ["fine", "oops"], codec="pickle", retry=ONCE)
    failed = next(outcome for outcome in session.outcomes(timeout=30) if not outcome.succeeded)
    assert failed.raised is not None
    assert failed.value is None
    with pytest.raises(TaskFailedError, match="ValueError: oops, says the handler"):
        failed.result()
    (plain,) = grid.submit(jobs.oops, ["oops"], retry=ONCE).outcomes(timeout=30)
    assert plain.raised is None


def test_a_client_unpickles_only_results_that_it_asked_for(grid: Grid) -> None:
    made = grid.submit(jobs.oops, ["fine", "oops"], codec="pickle", retry=ONCE)
    found = grid.session(made.id)
    assert found.wait(timeout=30).succeeded == 1
    assert found.task(1).error is not None
    for ask in (lambda: list(found.outcomes()), lambda: found.results(return_exceptions=True), found.task(0).result):
        with pytest.raises(ConfigError, match=r"unpickling its results can run any code here: .*pickle=True\)"):
            ask()
    trusted = grid.session(made.id, pickle=True)
    assert trusted.task(0).result(timeout=30) == "fine"
    # Of a session with another codec there is nothing to allow.
    assert grid.session(grid.submit(jobs.echo, [1]).id, pickle=True).results(timeout=30) == [1]


class MessageError(Exception):
    """Makes its message of what it is given."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


class TwoError(Exception):
    """Keeps only one of its arguments in ``args``."""

    def __init__(self, first: Any, second: Any) -> None:
        super().__init__(first)


class NamedError(LookupError):
    """Has a message of its own, and an argument by name alone."""

    def __init__(self, *, where: str) -> None:
        self.where = where

    def __str__(self) -> str:
        return f"nothing at {self.where}"


class NewError(ValueError):
    def __new__(cls, name: str, size: int) -> "NewError":
        made = super().__new__(cls, f"{name} of {size}")
        made.size = size  # type: ignore[attr-defined]
        return made


class CodeError(SystemError):
    def __init__(self) -> None:
        super().__init__("always")


class StopError(StopIteration):
    def __init__(self, value: int) -> None:
        super().__init__(value * 2)


class GroupError(ExceptionGroup[Exception]):
    def __new__(cls, errors: list[Exception]) -> "GroupError":
        return super().__new__(cls, "all of them", errors)

    def __init__(self, errors: list[Exception]) -> None:
        self.many = len(errors)


class DerivedError(MessageError):
    def __init__(self, text: str) -> None:
        super().__init__(len(text))
        self.text = text


class FileError(FileNotFoundError):
    def __init__(self, path: str) -> None:
        super().__init__(2, "not there", path)


class ReducedError(Exception):
    """Says itself how it is made again."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code

    def __reduce__(self) -> Any:
        return ReducedError, (self.code,)


ERRORS: list[Exception] = [
    MessageError(3),
    TwoError([1], {2}),
    NamedError(where="home"),
    NewError("a", 3),
    CodeError(),
    StopError(2),
    GroupError([MessageError(1), TwoError(1, 2)]),
    DerivedError("abc"),
    ReducedError(5),
    ValueError("plain", 1),
    KeyError("key"),
    FileNotFoundError(2, "not there", "/a"),
    UnicodeDecodeError("utf-8", b"a", 0, 1, "no"),
    ExceptionGroup("group", [ValueError(1), MessageError(2)]),
    ImportError("no", name="x", path="/x"),
]
for _error in ERRORS[:3]:
    _error.add_note("noted")


def said(error: BaseException) -> list[Any]:
    """Return all that tells an exception from another."""
    more = [str(error), vars(error), getattr(error, "value", None)]
    if isinstance(error, BaseExceptionGroup):
        return [type(error), *more, error.message, list(map(said, error.exceptions))]
    return [type(error), *more, error.args]


@pytest.mark.parametrize("number", range(len(ERRORS)), ids=lambda number: type(ERRORS[number]).__name__)
def test_an_exception_arrives_as_it_was_whether_returned_or_raised(grid: Grid, number: int) -> None:
    sent = ERRORS[number]

    def fail(error: Exception) -> None:
        raise error

    with grid.executor(codec="pickle") as executor:
        assert said(executor.submit(lambda error: error, sent).result(timeout=30)) == said(sent)
        found = executor.submit(fail, sent).exception(timeout=30)
    assert found is not None
    assert said(found) == said(sent)


def test_an_exception_that_would_be_another_one_is_told_in_words(grid: Grid) -> None:
    with grid.executor(codec="pickle") as executor:
        found = executor.submit(raise_file_error, "/a").exception(timeout=30)
    assert isinstance(found, TaskFailedError)
    assert "FileError: [Errno 2] not there: '/a'" in str(found)


def raise_file_error(path: str) -> None:
    raise FileError(path)


def test_a_class_that_comes_back_is_still_what_its_client_has_made_of_it(grid: Grid) -> None:
    factor = 1

    class Price:
        made = 0

        def __init__(self, value: float) -> None:
            self.value = value

        def scaled(self) -> float:
            return self.value * factor

    method = vars(Price)["scaled"]
    with grid.executor(codec="pickle") as executor:
        for number in range(1, 4):
            Price.made, factor = number * 10, number
            price, made = executor.submit(lambda: (Price(2.0), Price.made)).result(timeout=30)
            # There it is as it was when it was sent, and here it is as it is.
            Price.made, factor = number, 5
            again = executor.submit(lambda it: [it, type(it) is Price], price).result(timeout=30)
            assert (type(price), type(again[0]), again[1], made) == (Price, Price, True, number * 10)
            assert (Price.made, Price(2.0).scaled(), price.scaled()) == (number, 10.0, 10.0)
            assert vars(Price)["scaled"] is method
