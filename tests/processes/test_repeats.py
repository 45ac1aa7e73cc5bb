"""Submitting again is one submission; `python -m tests.processes.repeats` does so with 10,000 sessions."""

from pathlib import Path

from tests.processes.repeats import run


def test_sessions_that_are_submitted_up_to_six_times_hold_each_task_once(tmp_path: Path) -> None:
    count = run(tmp_path, sessions=300, seed=1)
    assert count.submits > 900
    assert count.held == count.meant
