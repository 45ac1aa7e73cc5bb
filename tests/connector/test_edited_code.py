"""Code that is edited while a grid is open."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from htcgrid import Grid
from htcgrid.agent_process import agent_process
from htcgrid.model import AgentReport

JOB = """
import os, time
from edited_helper import RATE
def price(event):
    return [event * RATE, os.getpid()]
def wait(event):
    open(event + ".begun", "w").close()
    while not os.path.exists(event):
        time.sleep(0.01)
    return RATE
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edited_job.py").write_text(JOB)
    rated(tmp_path, 2)
    return tmp_path


def rated(folder: Path, rate: int) -> None:
    """Edit the helper as editors do: a new file in place of the old one."""
    (folder / "new").write_text(f"RATE = {rate}\n")
    (folder / "new").replace(folder / "edited_helper.py")


def prices(grid: Grid) -> tuple[set[int], set[int]]:
    found = grid.submit("edited_job:price", [1] * 20).results(timeout=40)
    return {price for price, _ in found}, {pid for _, pid in found}


def test_an_embedded_grid_runs_what_was_edited_with_the_next_session(folder: Path) -> None:
    with Grid.open(workers=1) as grid:
        first, pids = prices(grid)
        assert prices(grid) == (first, pids)
        assert first == {2}
        rated(folder, 3)
        second, others = prices(grid)
        assert second == {3}
        assert not others & pids
        assert prices(grid) == (second, others)


def test_what_runs_while_its_code_is_edited_ends_as_it_began(folder: Path) -> None:
    with Grid.open(workers=2) as grid:
        marker = folder / "go"
        running = grid.submit("edited_job:wait", [str(marker)])
        while not Path(f"{marker}.begun").exists():
            time.sleep(0.01)
        rated(folder, 3)
        assert prices(grid)[0] == {3}
        marker.touch()
        assert running.results(timeout=40) == [2]


def test_outcomes_tell_which_code_ran(folder: Path) -> None:
    with Grid.open(workers=1) as grid:
        first = {outcome.code for outcome in grid.submit("edited_job:price", range(5)).outcomes(timeout=40)}
        (folder / "edited_job.py").write_text(JOB + "# more\n")
        second = {outcome.code for outcome in grid.submit("edited_job:price", range(5)).outcomes(timeout=40)}
    assert [len(code) for code in (*first, *second)] == [12, 12]
    assert first != second


@pytest.fixture
def standing(folder: Path) -> Path:
    file = folder / "grid.toml"
    file.write_text(
        f'[state]\nprovider = "local"\npath = "{folder}/grid"\n'
        f'[agent]\nhandlers = ["edited_job:*"]\nworkers = 1\npath = ["{folder}"]\nreport = 0.1\n'
    )
    return file


def cli(*words: str) -> str:
    command = [sys.executable, "-P", "-m", "htcgrid.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout


def reported(grid: Grid) -> AgentReport:
    [agent] = grid.agents()
    return agent.report


def test_a_standing_agent_says_that_its_code_was_edited_and_goes_on(folder: Path, standing: Path) -> None:
    with agent_process(standing), Grid.open(standing) as grid:
        before = prices(grid)
        rated(folder, 3)
        assert prices(grid) == before
        while not reported(grid).edited:
            time.sleep(0.01)
        assert reported(grid).edited == (str(folder / "edited_helper.py"),)
        told = f"{folder}/edited_helper.py was edited, and "
        assert told in cli("agents", "--config", str(standing))
        assert told in cli("doctor", "--config", str(standing))
        [facts] = map(json.loads, cli("agents", "--config", str(standing), "--json").splitlines())
        assert facts["edited"] == [f"{folder}/edited_helper.py"]
        assert list(facts["code"]) == ["edited_job:price"]


def test_a_standing_agent_with_reload_runs_what_was_edited(folder: Path, standing: Path) -> None:
    standing.write_text(standing.read_text() + "reload = true\n")
    with agent_process(standing), Grid.open(standing) as grid:
        assert prices(grid)[0] == {2}
        rated(folder, 3)
        assert prices(grid)[0] == {3}
        assert reported(grid).edited == ()
        code = reported(grid).code["edited_job:price"]
        assert f"edited_job:price {code}" in cli("doctor", "--config", str(standing))
