"""What agents of an embedded grid say of themselves while they cannot go on."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from htcgrid.connector.agent_trouble import agent_trouble

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


def write(log: Path, error: str, ago: float, written: float) -> None:
    """Write a log whose line, and whose last change, are so many seconds old."""
    facts = {
        "event": "call failed",
        "call": "Commit",
        "error": error,
        "timestamp": (NOW - timedelta(seconds=ago)).isoformat(),
    }
    log.write_text(f"{json.dumps(facts)}\n")
    at = (NOW - timedelta(seconds=written)).timestamp()
    os.utime(log, (at, at))


def test_the_newest_trouble_is_told_while_it_is_new(tmp_path: Path) -> None:
    assert agent_trouble(tmp_path, NOW) is None
    write(tmp_path / "one.log", "the disk is full", 5, 1)
    write(tmp_path / "other.log", "no answer", 8, 8)
    assert "tries again: the disk is full" in (agent_trouble(tmp_path, NOW) or "")
    write(tmp_path / "one.log", "the disk is full", 30, 1)
    assert "tries again: no answer" in (agent_trouble(tmp_path, NOW) or "")
    assert agent_trouble(tmp_path, NOW + timedelta(seconds=60)) is None


def test_a_log_that_nobody_writes_to_any_more_is_not_read(tmp_path: Path) -> None:
    write(tmp_path / "ended.log", "the disk is full", 5, 100)
    assert agent_trouble(tmp_path, NOW) is None
