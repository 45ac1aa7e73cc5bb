"""htcgrid agents, beside agents that run, end and are lost."""

import json
import os
import platform
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid, __version__
from htcgrid.errors import ConfigError
from tests.cli.conftest import PATIENCE, Command, Ended, ended, started, until
from tests.cli.terminal import Terminal


@pytest.fixture
def quick(grid: Path) -> Path:
    """A grid whose agents report often, and soon learn of a cancel."""
    grid.write_text(grid.read_text() + "report = 0.05\nheartbeat = 0.2\n")
    return grid


@contextmanager
def agent(name: str, *words: str) -> Iterator[int]:
    """An agent that has begun; its process's number. It ends with the block."""
    with started("agent", "--id", name, *words) as process:
        assert process.stderr is not None
        process.stderr.readline()
        try:
            yield process.pid
        finally:
            process.terminate()
            ended(process)


def listed(shown: Ended) -> dict[str, dict[str, Any]]:
    assert (shown.status, shown.err) == (0, "")
    return {found["agent"]: found for found in map(json.loads, shown.out.splitlines())}


def test_agents_say_what_they_are(htcgrid: Command, quick: Path) -> None:
    with agent("desk-7", "--pool", "night") as pid:
        until(lambda: bool(listed(htcgrid("agents", "--json"))))
        found = listed(htcgrid("agents", "--json"))["desk-7"]
        row = htcgrid("agents").out.splitlines()[1].split()
    assert found.pop("started")
    assert 0 <= found.pop("heard") < PATIENCE
    assert found == {
        "agent": "desk-7",
        "state": "READY",
        "pool": "night",
        "host": socket.gethostname(),
        "pid": pid,
        "version": __version__,
        "python": platform.python_version(),
        "code": {},
        "edited": [],
        "workers": 2,
        "busy": 0,
        "succeeded": 0,
        "failed": 0,
        "handlers": ["work:*"],
        "holds": [],
    }
    assert row[:6] == ["desk-7", "READY", "night", socket.gethostname(), str(pid), __version__]
    assert row[7:11] == ["0/2", "nothing", "0", "0"]


def test_agents_say_what_they_hold_and_have_done(htcgrid: Command, quick: Path, folder: Path) -> None:
    (folder / "tasks.json").write_text("[0, 0, 60]")
    htcgrid("submit", "work:sleep", "--id", "naps", "--input", "tasks.json")
    with agent("desk-7"):

        def row() -> str:
            return " ".join(htcgrid("agents").out.splitlines()[-1].split())

        until(lambda: "1/2 1 task of naps 2 0" in row())
        assert listed(htcgrid("agents", "--json"))["desk-7"]["holds"] == [{"session": "naps", "bundles": 1, "tasks": 1}]
        htcgrid("cancel", "naps")
        until(lambda: "0/2 nothing 2 0" in row())


def test_only_the_agents_of_a_pool_are_shown_when_it_is_named(htcgrid: Command, quick: Path) -> None:
    with agent("one"), agent("other", "--pool", "night"):
        until(lambda: set(listed(htcgrid("agents", "--json"))) == {"one", "other"})
        assert set(listed(htcgrid("agents", "--json", "--pool", "night"))) == {"other"}


def test_agents_that_ended_or_were_lost_are_shown_only_when_asked_for(htcgrid: Command, quick: Path) -> None:
    with agent("ended"), agent("lost") as pid:
        until(lambda: set(listed(htcgrid("agents", "--json"))) == {"ended", "lost"})
        os.kill(pid, signal.SIGKILL)
    until(lambda: listed(htcgrid("agents", "--json")) == {})
    assert htcgrid("agents") == Ended(0, "2 agents ended or lost in the last day: --all shows them\n", "")
    states = {name: found["state"] for name, found in listed(htcgrid("agents", "--all", "--json")).items()}
    assert states == {"ended": "ENDED", "lost": "LOST"}


def test_a_grid_without_agents_says_how_to_start_one(htcgrid: Command, grid: Path) -> None:
    assert htcgrid("agents", "--json") == Ended(0, "", "")
    said = "no agent has reported in the last day: 'htcgrid agent' starts one\n"
    assert htcgrid("agents") == htcgrid("agents", "--all") == Ended(0, said, "")
    said = "no agent of pool night has reported in the last day: 'htcgrid agent --pool night' starts one\n"
    assert htcgrid("agents", "--pool", "night") == Ended(0, said, "")


def test_a_pool_that_cannot_be_is_told(htcgrid: Command, grid: Path) -> None:
    assert htcgrid("agents", "--pool", "night shift").error.startswith("pool 'night shift' is not usable")


def test_a_narrow_terminal_shows_all_of_an_agent(htcgrid: Command, quick: Path) -> None:
    with agent("desk-7") as pid:
        until(lambda: bool(listed(htcgrid("agents", "--json"))))
        with Terminal("agents", columns=60) as terminal:
            assert terminal.ended() == 0
    shown = " ".join(" ".join(terminal.lines).split())
    assert shown.startswith("desk-7 READY heard of ")
    assert f"pool default, pid {pid} on {socket.gethostname()}, htcgrid {__version__}, Python " in shown
    assert shown.endswith("0 of 2 workers busy, holds nothing, 0 succeeded, 0 failed")


def test_clients_see_the_agents_too(quick: Path) -> None:
    with Grid.open(quick) as grid, agent("one"), agent("other", "--pool", "night"):
        until(lambda: len(list(grid.agents())) == 2)
        assert [found.report.id for found in grid.agents(pool="night")] == ["other"]
        with pytest.raises(ConfigError, match="pool '' is not usable"):
            grid.agents(pool="")
    with pytest.raises(ConfigError, match="closed"):
        grid.agents()


def test_many_agents_are_read_page_by_page(quick: Path) -> None:
    from htcgrid.config import read_config
    from htcgrid.model import AgentId, AgentReport, utcnow

    state = read_config(quick).open_state()
    for number in range(230):
        state.register(AgentReport(id=AgentId(f"agent-{number}"), started=utcnow()))
    state.close()
    with Grid.open(quick) as grid:
        assert len({found.report.id for found in grid.agents()}) == 230
