"""``htcgrid bench`` measures the grid that it is given, and leaves nothing behind."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from htcgrid import Grid
from tests.cli.conftest import Command

QUICK = ("bench", "--tasks", "200", "--trips", "3", "--runs", "2", "--seconds", "0.05", "--workers", "2")


@pytest.fixture
def file(folder: Path) -> Path:
    """The grid.toml of a grid without agents."""
    found = folder / "grid.toml"
    found.write_text('[state]\nprovider = "local"\npath = "state"\n[agent]\nhandlers = ["nothing:here"]\nreport = 1\n')
    return found


def test_each_measure_has_a_value_for_each_run(htcgrid: Command, file: Path) -> None:
    ended = htcgrid(*QUICK, "--config", str(file), "--json")
    assert ended.status == 0
    rows = {row["measure"]: row for row in map(json.loads, ended.out.splitlines())}
    assert [name for name in rows if "200 tasks" in name] == ["submit 200 tasks", "submit, run and fetch 200 tasks"]
    assert rows["submit 200 tasks"]["median"] > rows["submit, run and fetch 200 tasks"]["median"] > 10
    assert 0 < rows["one task there and back, p50"]["median"] <= rows["one task there and back, p99"]["median"]
    shares = [row["median"] for name, row in rows.items() if name.endswith("workers at work")]
    assert len(shares) == 4
    assert all(0 < share <= 100 for share in shares)
    assert rows["tasks of 1000 ms: overhead per task"]["median"] > 0
    # Client and agent together: a session is written once, and its outcomes once.
    assert rows["a lone task: durable writes"]["median"] == pytest.approx(2, abs=0.2)
    assert 0 < rows["a task among 10,000: durable writes"]["median"] < 0.1
    assert all(len(row["runs"]) == (1 if "durable" in name else 2) for name, row in rows.items())
    with Grid.open(file) as grid:
        assert list(grid.sessions()) == []
        assert not any(agent.alive for agent in grid.agents())


def test_without_a_grid_it_measures_one_of_its_own(htcgrid: Command, folder: Path) -> None:
    ended = htcgrid(*QUICK)
    assert ended.status == 0
    assert len(re.findall(r"^one task there and back, p50 +[\d.,]+ ms", ended.out, re.MULTILINE)) == 1
    assert list(folder.iterdir()) == []


def test_agents_that_are_there_are_measured_by_their_pool(htcgrid: Command, file: Path) -> None:
    words = [
        sys.executable,
        "-P",
        "-m",
        "htcgrid.cli",
        "agent",
        "--config",
        str(file),
        "--pool",
        "fast",
        "--workers",
        "2",
    ]
    file.write_text(file.read_text().replace("nothing:here", "htcgrid.bench.work:*"))
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as agent:
        try:
            ended = htcgrid(*QUICK, "--config", str(file), "--pool", "fast", "--json")
        finally:
            agent.terminate()
    assert ended.status == 0
    rows = {row["measure"]: row for row in map(json.loads, ended.out.splitlines())}
    assert rows["a lone task: durable writes of the client"]["median"] == pytest.approx(1, abs=0.1)


def test_an_agent_that_cannot_start_is_told(htcgrid: Command, file: Path) -> None:
    file.write_text(file.read_text() + 'environment = { TOKEN = { env = "NO_SUCH_VARIABLE" } }\n')
    ended = htcgrid(*QUICK, "--config", str(file))
    assert ended.status == 2
    assert "the agent ended by itself: htcgrid agent: " in ended.err
    assert "NO_SUCH_VARIABLE" in ended.err
