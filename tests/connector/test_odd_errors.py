"""Whatever a handler raises is told by its type and message at least, and ends no worker."""

from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path

import pytest

from htcgrid import Grid, Outcome, RetryPolicy
from htcgrid.errors import TaskFailedError
from tests.connector.odd_errors import KINDS, throw

_ONCE = RetryPolicy(tries=1)


@pytest.fixture(scope="module", params=["typed", "pickle"])
def outcomes(grid: Grid, request: pytest.FixtureRequest) -> dict[str, Outcome]:
    """Return how tasks ended that raise each kind of error, each with a neighbour that does not."""
    events = [event for kind in KINDS for event in (kind, "fine")]
    session = grid.submit(throw, events, retry=_ONCE, codec=request.param)
    found = {outcome.index: outcome for outcome in session.outcomes(timeout=120)}
    assert sorted(found) == list(range(len(events)))
    assert all(found[index].succeeded for index in range(1, len(events), 2))
    return {kind: found[2 * index] for index, kind in enumerate(KINDS)}


@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_error_is_told_with_its_type_and_its_message(outcomes: dict[str, Outcome], kind: str) -> None:
    failure = outcomes[kind].error
    assert failure is not None
    assert failure.type == _type_of(kind)
    assert failure.message
    assert len(failure.message) <= 2000
    assert len(failure.traceback) <= 8000
    error = outcomes[kind].exception()
    assert isinstance(error, TaskFailedError)
    assert failure.type in str(error)


def test_an_odd_error_is_told_with_what_can_be_had_of_it(outcomes: dict[str, Outcome]) -> None:
    said = {kind: outcome.error.message for kind, outcome in outcomes.items() if outcome.error}
    shown = {kind: outcome.error.traceback for kind, outcome in outcomes.items() if outcome.error}
    assert said["StrExits"] == "(its message cannot be had: __str__ raises SystemExit)"
    assert said["StrIsOfASubclass"] == "odd text"
    assert said["StrHasSurrogates"] == "file \\udcff is missing"
    assert said["NamesExit"] == said["CauseExits"] == said["AllAttributesExit"] == "desk is closed"
    assert said["syntax with text for a place"] == "bad rule (rules.txt, line 3)"
    assert "odd_errors.py" in shown["CauseExits"]
    assert "raise KINDS[kind]()" in shown["AllAttributesExit"]
    assert "second" in shown["causes in a circle"]
    assert "StrExits" in shown["a group with an odd member"]
    assert "the direct cause of" in shown["an odd cause"]
    assert "fine" in shown["notes that exit"]


def test_an_odd_error_of_a_call_settles_its_future(grid: Grid) -> None:
    with grid.executor() as executor:
        futures = {kind: executor.submit(throw, kind) for kind in KINDS}
        assert not wait(futures.values(), timeout=120).not_done
        errors = {kind: future.exception() for kind, future in futures.items()}
    assert all(error is not None for error in errors.values())
    assert all(isinstance(errors[kind.__name__], TaskFailedError) for kind in (SystemExit, KeyboardInterrupt))
    assert type(errors["causes in a circle"]) is ValueError
    assert isinstance(errors["StopIteration"], StopIteration)


def _type_of(kind: str) -> str:
    if kind[0].isupper():
        return kind
    made: dict[str, Callable[[], str]] = {
        "odd text as its name": lambda: "Kind",
        "too deep": lambda: "RecursionError",
        "groups in groups": lambda: "ExceptionGroup",
        "one group in many places": lambda: "ExceptionGroup",
        "a group with an odd member": lambda: "ExceptionGroup",
    }
    return made.get(kind, lambda: "SyntaxError" if kind.startswith("syntax") else "ValueError")()


@pytest.mark.parametrize("where", ["its import", "setup()"])
@pytest.mark.parametrize("kind", ["StrExits", "ClassExits", "NamesExit", "AllAttributesExit", "CauseExits"])
def test_an_odd_error_of_a_module_is_told_for_each_task(grid: Grid, tmp_path: Path, kind: str, where: str) -> None:
    file = tmp_path / f"odd_{kind}.py"
    raising = f"raise odd_errors.{kind}('closed')"
    file.write_text(
        "from tests.connector import odd_errors\ndef handle(event): return event\n"
        + (raising if where == "its import" else f"def setup(): {raising}")
    )
    outcomes = list(grid.submit(f"{file}:handle", [1, 2], retry=_ONCE).outcomes(timeout=120))
    types = {outcome.error.type for outcome in outcomes if outcome.error}
    assert types == {"HandlerError" if where == "its import" else kind}
