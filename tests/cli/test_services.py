"""htcgrid agent and htcgrid reaper: how they begin, what they refuse, and how they end."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import PATIENCE, Command, ended, started


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line on a process's stderr."""
    assert process.stderr is not None
    return process.stderr.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_agent_says_when_it_begins_and_ends_well_when_it_is_told_to(grid: Path, number: signal.Signals) -> None:
    with started("agent", "--id", "desk-7", "--workers", "1", "--pool", "night") as agent:
        begun = json.loads(line(agent))
        assert (begun["event"], begun["agent"], begun["pid"]) == ("agent started", "desk-7", agent.pid)
        assert begun["workers"] == 1
        assert begun["why"].startswith("workers as set, on ")
        assert (begun["pool"], begun["handlers"]) == ("night", ["work:*"])
        assert (begun["folder"], begun["path"]) == (str(grid.parent), [str(grid.parent)])
        agent.send_signal(number)
        status, out, err = ended(agent)
    assert (status, out) == (0, "")
    assert [json.loads(text)["event"] for text in err.splitlines()] == ["stopping", "agent ended"]


def test_an_agent_logs_for_people_when_it_is_told_to(grid: Path) -> None:
    with started("agent", "--log", "console", "--id", "desk-7") as agent:
        begun = line(agent)
        agent.terminate()
        assert ended(agent).status == 0
    assert "agent started" in begun
    assert "agent=desk-7" in begun
    assert " pool=default workers=2 " in begun
    assert f" folder={grid.parent} path=['{grid.parent}'] handlers=['work:*']" in begun
    assert not begun.startswith("{")


def test_an_agent_runs_only_its_pool(htcgrid: Command, grid: Path, folder: Path) -> None:
    (folder / "tasks.json").write_text("[1]")
    session = htcgrid("submit", "work:echo", "--input", "tasks.json").out.strip()
    nightly = htcgrid("submit", "work:echo", "--input", "tasks.json", "--pool", "night").out.strip()
    with started("agent", "--pool", "night", "--verbose") as agent:
        line(agent)
        assert htcgrid("results", nightly, "--values", "--timeout", PATIENCE).out == "1\n"
        assert htcgrid("results", session, "--timeout", "0.5").status == 124
        agent.terminate()
        ended(agent)
    with started("agent") as agent:
        assert htcgrid("results", session, "--values", "--timeout", PATIENCE).out == "1\n"
        agent.terminate()
        ended(agent)


def test_an_agent_works_on_when_nobody_reads_its_log_any_more(htcgrid: Command, grid: Path, folder: Path) -> None:
    (folder / "tasks.json").write_text(str(list(range(50))))
    with started("agent", "--verbose") as agent:
        line(agent)
        assert agent.stderr is not None
        agent.stderr.close()
        session = htcgrid("submit", "work:echo", "--input", "tasks.json").out.strip()
        assert len(htcgrid("results", session, "--values", "--timeout", PATIENCE).out.split()) == 50
        agent.terminate()
        assert agent.wait(PATIENCE) == 0


def test_a_verbose_agent_logs_each_claim(htcgrid: Command, grid: Path, folder: Path) -> None:
    (folder / "tasks.json").write_text("[1]")
    with started("agent", "--verbose") as agent:
        session = htcgrid("submit", "work:echo", "--input", "tasks.json").out.strip()
        assert htcgrid("results", session, "--values", "--timeout", PATIENCE).out == "1\n"
        agent.terminate()
        lines = [json.loads(text) for text in ended(agent).err.splitlines()]
    (claim,) = [found for found in lines if found["event"] == "claimed"]
    assert (claim["session"], claim["bundle"], claim["attempt"], claim["tasks"]) == (session, "0/0", 1, 1)


def test_an_agent_that_is_started_twice_under_an_id_is_no_harm(htcgrid: Command, grid: Path, folder: Path) -> None:
    (folder / "tasks.json").write_text(str(list(range(200))))
    with started("agent", "--id", "twin") as one, started("agent", "--id", "twin") as other:
        # Before, SIGTERM would find them unprepared.
        for agent in (one, other):
            line(agent)
        session = htcgrid("submit", "work:echo", "--input", "tasks.json").out.strip()
        assert htcgrid("results", session, "--values", "--timeout", PATIENCE).out.split() == [
            str(number) for number in range(200)
        ]
        for agent in (one, other):
            agent.terminate()
            assert ended(agent).status == 0


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--workers", "0"], "Invalid value for '--workers': 0 is not in the range 1<=x<=1024."),
        (["--log", "xml"], "Invalid value for '--log': 'xml' is not one of 'json', 'console'."),
        (["--config", "."], "Invalid value for '--config': File '.' is a directory."),
    ],
)
def test_an_agent_names_the_option_that_is_not_right(htcgrid: Command, words: list[str], error: str) -> None:
    assert htcgrid("agent", *words).usage_error == error


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--pool", "night shift"], "pool 'night shift' is not usable: 1 to 80 letters, digits, '.', '_' or '-', the"),
        (["--pool", ""], "pool '' is not usable: 1 to 80 letters"),
        (["--id", "../desk"], "agent id '../desk' is not usable: 1 to 80 letters"),
        (["--id", ""], "agent id '' is not usable: 1 to 80 letters"),
    ],
)
def test_an_agent_takes_no_name_that_would_not_do_in_a_key(
    htcgrid: Command, grid: Path, words: list[str], error: str
) -> None:
    assert htcgrid("agent", *words).error.startswith(error)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_reaper_runs_until_it_is_told_to_end(grid: Path, number: signal.Signals) -> None:
    with started("reaper") as reaper:
        assert line(reaper) == "reaper started\n"
        assert reaper.poll() is None
        reaper.send_signal(number)
        assert ended(reaper) == (0, "", "")


def test_a_reaper_says_what_it_does_to_programs_too(grid: Path) -> None:
    with started("reaper", "--json") as reaper:
        assert json.loads(line(reaper)) == {"event": "reaper started"}
        reaper.terminate()
        assert ended(reaper) == (0, "", "")
