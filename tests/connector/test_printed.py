"""What handlers print, kept with their outcomes."""

import pytest

from htcgrid import Grid, Outcome, RetryPolicy
from htcgrid.errors import ConfigError
from tests.agent import jobs

ONCE = RetryPolicy(tries=1)


def _ended(grid: Grid, tasks: list[str], **options: object) -> list[Outcome]:
    session = grid.submit(jobs.talk, tasks, retry=ONCE, **options)  # type: ignore[arg-type]
    return sorted(session.outcomes(timeout=30), key=lambda outcome: outcome.index)


def test_what_a_failed_task_printed_is_kept_and_not_what_others_did(grid: Grid) -> None:
    before, failed, after = _ended(grid, ["a", "oops", "b"])
    assert (failed.stdout, failed.stderr) == ("out oops\nbytes\n", "err oops\n")
    assert [(one.stdout, one.stderr) for one in (before, after)] == [("", "")] * 2


def test_what_every_task_printed_is_kept_when_asked_for(grid: Grid) -> None:
    outcomes = _ended(grid, ["a", "oops", "b"], output="all")
    assert [one.stdout for one in outcomes] == ["out a\nbytes\n", "out oops\nbytes\n", "out b\nbytes\n"]
    assert [one.stderr for one in outcomes] == ["err a\n", "err oops\n", "err b\n"]
    assert [one.value for one in outcomes] == ["a", None, "b"]


def test_nothing_is_kept_when_asked_for(grid: Grid) -> None:
    assert [one.stdout + one.stderr for one in _ended(grid, ["oops", "die"], output="none")] == ["", ""]


def test_what_a_worker_printed_before_it_crashed_is_kept_with_the_place_of_the_crash(grid: Grid) -> None:
    (outcome,) = _ended(grid, ["die"])
    assert outcome.stderr.startswith("out die\nbytes\nerr die\nFatal Python error: Segmentation fault")
    assert "jobs.py" in outcome.stderr
    assert "in segfault" in outcome.stderr


def test_a_task_handle_tells_what_its_task_printed(grid: Grid) -> None:
    session = grid.submit(jobs.talk, ["a"], output="all")
    task = session.task(0)
    task.result(timeout=30)
    assert (task.stdout, task.stderr) == ("out a\nbytes\n", "err a\n")


@pytest.mark.parametrize("size", [100_000, 10_000_000])
def test_of_much_that_is_printed_the_end_is_kept(grid: Grid, size: int) -> None:
    (outcome,) = grid.submit(jobs.talk_much, [size], retry=ONCE).outcomes(timeout=30)
    assert outcome.stdout.endswith("xthe end\n")
    assert outcome.stdout.startswith(f"({size + 8 - 8000} bytes before this were dropped)\nx")
    assert len(outcome.stdout) < 8100


def test_many_tasks_that_print_much_are_kept_less_of(grid: Grid) -> None:
    outcomes = list(grid.submit(jobs.talk_much, [10_000] * 2000, retry=ONCE).outcomes(timeout=60))
    assert len(outcomes) == 2000
    assert all(one.stdout.endswith("xthe end\n") for one in outcomes)


def test_only_the_last_try_s_output_is_kept(grid: Grid) -> None:
    session = grid.submit("htcgrid.testing.handlers:fail_before", [1], output="all")
    assert [one.stdout for one in session.outcomes(timeout=30)] == [""]


@pytest.mark.parametrize("output", ["some", None, True, 1])
def test_what_is_no_rule_for_output_is_told(grid: Grid, output: object) -> None:
    with pytest.raises(ConfigError, match="output must be 'failed', 'all', 'none', not"):
        grid.submit(jobs.echo, [1], output=output)  # type: ignore[arg-type]
