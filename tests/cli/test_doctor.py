"""htcgrid doctor on grids that are well, and on others."""

import json
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from htcgrid.config import read_config
from htcgrid.model import AgentId, AgentReport, Session, SessionId, utcnow
from tests.cli.conftest import Command, ended, started, until
from tests.cli.test_configuration import gate_locked


@pytest.fixture
def checks(htcgrid: Command) -> Callable[..., dict[str, dict[str, Any]]]:
    """Run the doctor; return the last line of each check, by name."""

    def run(status: int = 0) -> dict[str, dict[str, Any]]:
        shown = htcgrid("doctor", "--json")
        assert (shown.status, shown.err) == (status, "")
        return {check.pop("check"): check for check in map(json.loads, shown.out.splitlines())}

    return run


@pytest.fixture
def register(grid: Path) -> Callable[..., None]:
    """Put an agent on record."""

    def run(name: str, **report: Any) -> None:
        known: dict[str, Any] = {"started": utcnow(), "handlers": ("work:*",), "workers": 2}
        with closing(read_config(grid).open_state()) as state:
            state.register(AgentReport(id=AgentId(name), **(known | report)))

    return run


def test_a_grid_that_is_well_has_a_line_for_each_part(htcgrid: Command, grid: Path) -> None:
    with started("agent", "--id", "desk-7") as agent:
        assert agent.stderr is not None
        agent.stderr.readline()
        until(lambda: "desk-7" in htcgrid("agents").out)
        shown = htcgrid("doctor")
        agent.terminate()
        ended(agent)
    assert (shown.status, shown.err) == (0, "")
    parts = ("config", "state", "queue", "payloads", "compute", "handlers", "workers", "agents", "versions", "clocks")
    assert [line.split(":")[0] for line in shown.out.splitlines()] == [f"OK    {part}" for part in parts]
    assert "agents: pool default has 1 agent with 2 workers, 0 busy\n" in shown.out
    assert not list((grid.parent / "state" / "payloads").rglob("doctor/*"))


def test_a_warning_is_no_failure_and_says_what_to_do(htcgrid: Command, grid: Path) -> None:
    shown = htcgrid("doctor")
    assert shown.status == 0
    assert "WARN  agents: no agent of pool default is there\n      start one: 'htcgrid agent'\n" in shown.out


def test_programs_get_an_object_for_each_check(checks: Any, grid: Path) -> None:
    assert checks()["agents"] == {
        "level": "WARN",
        "message": "no agent of pool default is there",
        "advice": "start one: 'htcgrid agent'",
    }


def test_each_problem_of_the_file_is_a_failure(htcgrid: Command, grid: Path) -> None:
    grid.write_text('[state]\nprovider = "nope"\n[agent]\nworker = 2\n')
    shown = htcgrid("doctor")
    assert shown.status == 2
    lines = [line for line in shown.out.splitlines() if not line.startswith("      ")]
    assert [line.partition(": [")[0] for line in lines] == [f"FAIL  config: {grid}"] * 2


def test_a_store_that_cannot_be_opened_is_a_failure_and_the_others_are_tried(checks: Any, grid: Path) -> None:
    (grid.parent / "file").write_text("")
    grid.write_text(grid.read_text() + '[payloads]\nprovider = "local"\npath = "file"\n')
    found = checks(2)
    assert (found["state"]["level"], found["payloads"]["level"]) == ("OK", "FAIL")
    assert "cannot be made" in found["payloads"]["message"]
    assert found["payloads"]["advice"] == "correct [payloads] in grid.toml"


def test_a_state_store_that_cannot_be_opened_is_a_failure(checks: Any, grid: Path) -> None:
    (grid.parent / "state").mkdir()
    (grid.parent / "state" / "grid.db").write_text("dear diary, today I made a grid\n" * 50)
    found = checks(2)
    assert found["state"]["message"].startswith("ConfigError: ")
    assert "agents" not in found


def test_a_store_that_does_not_answer_is_a_failure(checks: Any, grid: Path) -> None:
    grid.write_text(grid.read_text().replace("[agent]", "patience = 0.2\n[agent]"))
    checks()
    with gate_locked(grid.parent / "state" / "grid.db"):
        found = checks(2)
    assert found["state"]["message"].startswith("ProviderUnavailableError: another process holds the state file")
    assert found["state"]["advice"] == "see that its service runs, and that [state] names it and may use it"


def test_what_a_service_says_shows_no_secret(htcgrid: Command, grid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (grid.parent / "hush").write_text("")
    monkeypatch.setenv("FOLDER", "hush")
    grid.write_text('[state]\nprovider = "local"\npath = { env = "FOLDER" }\n')
    shown = htcgrid("doctor")
    assert shown.status == 2
    assert "hush" not in shown.out
    assert (
        f"FAIL  state: ConfigError: the grid's folder {grid.parent / '$FOLDER'} cannot be made: File exists"
        in shown.out
    )


def test_agents_that_allow_nothing_are_told(checks: Any, grid: Path, register: Any) -> None:
    register("a", handlers=())
    assert checks()["agents"]["message"] == "agent a of pool default allows no handler"
    grid.write_text('[state]\nprovider = "local"\npath = "state"\n')
    assert checks()["handlers"]["level"] == "WARN"


def test_how_many_workers_an_agent_here_has_is_told_and_why(
    checks: Any, grid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_CPU_COUNT", "6")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    cores = "6 cores, as PYTHON_CPU_COUNT says"

    def told() -> str:
        found = checks()["workers"]
        assert (found["level"], found["advice"]) == ("OK", None)
        return str(found["message"]).removeprefix("'htcgrid agent' here runs ")

    assert told() == f"2 workers with 3 threads each: workers as set, on {cores}"
    grid.write_text(grid.read_text().replace("workers = 2", 'environment = {MKL_NUM_THREADS = "2"}'))
    assert (
        told()
        == f"6 workers with 1 thread each: one worker per usable core: {cores}; MKL_NUM_THREADS is set, and stays"
    )
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert (
        told()
        == f"6 workers with 4 threads each: one worker per usable core: {cores}; OMP_NUM_THREADS is set, and stays"
    )
    monkeypatch.delenv("OMP_NUM_THREADS")
    reference = 'environment = {OMP_NUM_THREADS = {env = "NOT_SET_HERE"}}'
    grid.write_text(grid.read_text().replace('environment = {MKL_NUM_THREADS = "2"}', reference))
    assert told() == f"6 workers with 1 thread each: one worker per usable core: {cores}"


def test_folders_of_handlers_that_are_not_there_are_told(checks: Any, grid: Path) -> None:
    grid.write_text(grid.read_text().replace('path = ["."]', 'path = ["elsewhere"]'))
    assert checks()["handlers"]["message"] == (
        f"the folder {grid.parent / 'elsewhere'} in 'path' of [agent] is not there"
    )


def test_a_file_without_a_reaper_is_told_to_run_one(checks: Any, grid: Path) -> None:
    grid.write_text(grid.read_text() + "reaper = false\n")
    assert checks()["reaper"]["advice"] == "see that 'htcgrid reaper' runs somewhere"


def test_each_pool_is_told_and_who_was_lost(checks: Any, htcgrid: Command, register: Any) -> None:
    register("lost", interval=timedelta(0))
    register("b", pool="night", busy=1)
    out = htcgrid("doctor").out
    assert "WARN  agents: no agent of pool default is there; 1 agent lost in the last day" in out
    assert "OK    agents: pool night has 1 agent with 2 workers, 1 busy\n" in out


def test_other_versions_are_told(checks: Any, register: Any) -> None:
    register("old", version="0.0.1", python="3.99.1")
    found = checks()["versions"]
    assert found["level"] == "WARN"
    assert found["message"].startswith("old runs Python 3.99, and this client 3.")


def test_clocks_that_are_ahead_are_told(checks: Any, register: Any, grid: Path) -> None:
    register("early", started=utcnow() + timedelta(hours=3))
    assert checks()["clocks"]["message"] == "the clock of agent early is at least 3 h ahead of this machine's"
    with closing(read_config(grid).open_state()) as state:
        state.create(Session(id=SessionId("risk"), handler="work:echo", created=utcnow() + timedelta(days=4)))
    assert checks()["clocks"]["message"] == (
        "the clock of the client that made session risk is at least 4 d ahead of this machine's"
    )
