"""The failed tasks of a session are submitted again, as a session that tells where they come from."""

from datetime import timedelta
from pathlib import Path

import pytest

from htcgrid import Grid, RetryPolicy
from htcgrid.errors import ConfigError, ConflictError, EncodingError, SessionNotFoundError
from tests.agent import jobs

ONCE = RetryPolicy(tries=1)
LONG = 180.0


@pytest.fixture
def failed(grid: Grid) -> str:
    """A finished session of which tasks 1, 3 and 4 failed."""
    session = grid.submit(jobs.refuse_odd, [0, 1, 2, 33, 55, 6], retry=ONCE, labels={"desk": "fx"}, priority=2)
    session.wait(timeout=LONG)
    return session.id


def test_failed_tasks_run_again_under_the_same_options(grid: Grid, failed: str) -> None:
    again = grid.retry(failed)
    outcomes = sorted(again.outcomes(timeout=LONG), key=lambda outcome: outcome.index)
    assert [outcome.error.message for outcome in outcomes if outcome.error] == ["1 is odd", "33 is odd", "55 is odd"]
    assert again.origin == failed
    session = again.status().session
    assert (session.labels, session.priority, session.retry, session.origin) == ({"desk": "fx"}, 2, ONCE, failed)
    assert grid.origins(again.id) == [1, 3, 4]
    assert grid.origins(failed) == []


def test_results_of_what_is_pickled_are_opened_only_when_that_is_asked_for(grid: Grid, tmp_path: Path) -> None:
    file = tmp_path / "curve"
    session = grid.submit(jobs.needs_file, [str(file)], retry=ONCE, codec="pickle")
    assert session.wait(timeout=LONG).failed == 1
    file.write_text("0.02")
    with pytest.raises(ConfigError, match="pickle=True"):
        grid.retry(session.id).results(timeout=LONG)
    assert grid.retry(session.id, pickle=True).results(timeout=LONG) == ["0.02"]


def test_asking_again_is_one_submission_and_another_id_is_another(grid: Grid, failed: str) -> None:
    first = grid.retry(failed)
    assert grid.retry(failed).id == first.id == f"{failed}-again"
    assert first.status().total == 3
    assert grid.retry(failed, id="second-go").status().total == 3


def test_what_fails_again_can_be_submitted_again_under_ids_that_stay_short(grid: Grid, failed: str) -> None:
    again = grid.retry(failed)
    for _ in range(20):
        again.wait(timeout=LONG)
        origin, again = again.id, grid.retry(again.id)
        assert again.origin == origin
        assert len(again.id) <= 80
    assert again.wait(timeout=LONG).failed == 3


def test_large_payloads_are_submitted_again_as_they_were(grid: Grid) -> None:
    payload = "x" * 400_000
    session = grid.submit(jobs.fail_long, [payload, "short", payload + "y"], retry=ONCE)
    session.wait(timeout=LONG)
    again = grid.retry(session.id)
    errors = [outcome.error for outcome in sorted(again.outcomes(timeout=LONG), key=lambda outcome: outcome.index)]
    assert [error.message for error in errors if error] == ["400000 letters", "400001 letters"]


def test_only_what_has_finished_and_failed_is_submitted_again(grid: Grid) -> None:
    well = grid.submit(jobs.refuse_odd, [2])
    well.wait(timeout=LONG)
    with pytest.raises(ConfigError, match=f"no task of session {well.id} has failed: there is nothing to submit again"):
        grid.retry(well.id)
    with grid.open_session(jobs.refuse_odd) as session:
        with pytest.raises(ConfigError, match="has not finished: 0 of 0 tasks have ended, and it is OPEN"):
            grid.retry(session.id)
        session.cancel()
    with pytest.raises(SessionNotFoundError):
        grid.retry("nobody-s")


def test_failed_tasks_of_a_cancelled_session_can_be_submitted_again(grid: Grid) -> None:
    with grid.open_session(jobs.refuse_odd, retry=ONCE, on_error="leave") as session:
        session.task(session.add(1)).outcome(timeout=LONG)
        session.cancel()
    assert [outcome.index for outcome in grid.retry(session.id).outcomes(timeout=LONG)] == [0]


def test_an_id_that_is_taken_is_said_so(grid: Grid, failed: str) -> None:
    grid.submit(jobs.refuse_odd, [2], id="taken")
    with pytest.raises(ConflictError):
        grid.retry(failed, id="taken")


def test_payloads_that_are_not_there_any_more_are_said_so(grid: Grid) -> None:
    session = grid.submit(jobs.fail_long, ["x" * 400_000], retry=ONCE, keep_for=timedelta(days=1))
    session.wait(timeout=LONG)
    grid._payloads.delete(prefix=f"{session.id}/in")
    with pytest.raises(EncodingError, match=f"1 packs of session {session.id} are not in the payload store any more"):
        grid.retry(session.id)


def test_where_tasks_came_from_is_not_told_once_that_is_gone(grid: Grid, failed: str) -> None:
    again = grid.retry(failed)
    grid.session(failed).delete()
    assert grid.origins(again.id) == []
    assert again.origin == failed
