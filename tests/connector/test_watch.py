"""Callbacks as tasks end."""

import logging
import threading

import pytest

from htcgrid import Grid, Outcome, RetryPolicy
from htcgrid.errors import ConfigError, ResultTimeoutError, SessionNotFoundError
from tests.agent import jobs


def test_a_callback_gets_every_outcome_once(grid: Grid) -> None:
    session = grid.submit(jobs.oops, [*range(500), "oops"], retry=RetryPolicy(tries=1))
    seen = list[Outcome]()
    assert session.on_outcome(seen.append).wait(timeout=30) == 501
    assert sorted(outcome.index for outcome in seen) == list(range(501))
    assert sum(outcome.succeeded for outcome in seen) == 500


def test_many_callbacks_of_one_session_each_get_every_outcome(grid: Grid) -> None:
    session = grid.submit(jobs.echo, range(200))
    seen: list[list[int]] = [[], [], []]
    watches = [
        session.on_outcome(lambda outcome, mine=mine: mine.append(outcome.value))  # type: ignore[misc]
        for mine in seen
    ]
    for watch in watches:
        watch.wait(timeout=30)
    assert [sorted(one) for one in seen] == [list(range(200))] * 3


def test_a_callback_that_raises_is_logged_and_gets_the_others_all_the_same(
    grid: Grid, caplog: pytest.LogCaptureFixture
) -> None:
    session = grid.submit(jobs.echo, range(10))
    seen = []

    def pick(outcome: Outcome) -> None:
        seen.append(outcome.index)
        if outcome.index == 3:
            raise KeyError("of the callback")

    with caplog.at_level(logging.ERROR):
        watch = session.on_outcome(pick)
        with pytest.raises(KeyError, match="of the callback"):
            watch.wait(timeout=30)
    assert sorted(seen) == list(range(10))
    assert f"a callback of session {session.id} raised at task 3" in caplog.text
    assert session.results(timeout=30) == list(range(10))


def test_a_callback_that_is_stopped_is_called_no_more(grid: Grid) -> None:
    session = grid.submit(jobs.sleep, [0.0, 0.5, 0.5, 0.5, 0.5])
    called = threading.Event()
    watch = session.on_outcome(lambda _: called.set())
    assert called.wait(30)
    watch.stop()
    assert watch.wait(timeout=30) < 5


def test_whoever_waits_for_callbacks_waits_no_longer_than_said(grid: Grid) -> None:
    session = grid.submit(jobs.sleep, [30.0])
    watch = session.on_outcome(lambda _: None)
    with pytest.raises(ResultTimeoutError, match="0 tasks of session"):
        watch.wait(timeout=0.1)
    session.cancel()
    assert watch.wait(timeout=30) == 1


def test_a_session_that_is_deleted_ends_its_callbacks_with_the_reason(
    grid: Grid, caplog: pytest.LogCaptureFixture
) -> None:
    session = grid.submit(jobs.sleep, [30.0])
    with caplog.at_level(logging.ERROR):
        watch = session.on_outcome(lambda _: None)
        session.delete()
        with pytest.raises(SessionNotFoundError):
            watch.wait(timeout=30)
    assert f"no more outcomes of session {session.id}" in caplog.text


def test_what_cannot_be_called_is_no_callback(grid: Grid) -> None:
    with pytest.raises(ConfigError, match="a callback must be a function of one outcome"):
        grid.submit(jobs.echo, [1]).on_outcome("print")  # type: ignore[arg-type]
