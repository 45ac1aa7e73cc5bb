"""Power is lost, or as good as that: all processes of a grid are killed at once."""

from pathlib import Path

from tests.processes.ruin import run


def test_nothing_accepted_is_lost_when_everything_is_killed(tmp_path: Path) -> None:
    assert run(tmp_path, 4, 0) > 0
