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
