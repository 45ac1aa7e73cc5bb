"""Agents as processes, tried with a tiny program in their place."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from htcgrid.errors import ConfigError, ProviderUnavailableError
from htcgrid.interfaces import Source
from htcgrid.local.compute import ProcessComputeBackend
from htcgrid.local.process import birthmark, send_signal
from htcgrid.local.roster import AgentRecord, Roster
from htcgrid.local.settings import LocalSettings
from htcgrid.model import AgentId, AgentInfo, Pool, utcnow

#: Prints its arguments, ends on SIGTERM unless stubborn, and when its lifeline is cut.
AGENT = """
import select, signal, sys
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print(*sys.argv[1:], flush=True)
lifeline = [int(sys.argv[sys.argv.index("--lifeline") + 1])] if "--lifeline" in sys.argv else []
select.select(lifeline, [], [], 600)
"""
COMMAND = [sys.executable, "-c", AGENT]


def eventually(true: Callable[[], bool]) -> bool:
    """Wait until something is true, for at most two minutes."""
    deadline = time.monotonic() + 120
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


def output(folder: Path, agent: AgentInfo) -> str:
    """Return the first line that an agent printed."""
    log = folder / "agents" / f"{agent.id}.log"
    assert eventually(lambda: log.exists() and "\n" in log.read_text())
    return log.read_text().splitlines()[0]


def ids(agents: list[AgentInfo]) -> list[AgentId]:
    return [agent.id for agent in agents]


@pytest.fixture
def backend(folder: Path) -> Iterator[ProcessComputeBackend]:
    with closing(ProcessComputeBackend(folder, COMMAND, grace=timedelta(seconds=1))) as backend:
        yield backend
        for pool in ("default", "gpu"):
            for agent in backend.agents(pool):
                os.kill(agent.pid or 0, signal.SIGKILL)
        for child in backend._started.values():
            child.wait()


def test_scaling_up_starts_agents_and_repeating_it_changes_nothing(
    backend: ProcessComputeBackend, folder: Path
) -> None:
    backend.scale("default", 2)
    agents = backend.agents("default")
    assert len(agents) == 2
    assert output(folder, agents[0]) == f"--id {agents[0].id}"
    assert all(birthmark(agent.pid or 0) for agent in agents)
    assert abs(agents[0].started - utcnow()) < timedelta(minutes=1)
    backend.scale("default", 2)
    assert backend.agents("default") == agents


def test_agents_are_started_as_their_pool_says(backend: ProcessComputeBackend, folder: Path) -> None:
    backend.apply(Pool(name="gpu", workers=3))
    backend.apply(Pool(name="gpu", workers=3))
    backend.scale("gpu", 1)
    [agent] = backend.agents("gpu")
    assert output(folder, agent) == f"--id {agent.id} --pool gpu --workers 3"
    assert backend.agents("default") == []


def test_scaling_down_drains_the_youngest(backend: ProcessComputeBackend, folder: Path) -> None:
    for count in (1, 2):
        backend.scale("default", count)
    old, young = backend.agents("default")
    for agent in (old, young):
        output(folder, agent)
    backend.scale("default", 1)
    assert eventually(lambda: ids(backend.agents("default")) == [old.id])
    backend.scale("default", 0)
    assert eventually(lambda: backend.agents("default") == [])
    assert not list((folder / "agents").glob("*.json"))


def test_another_process_sees_and_drains_them(backend: ProcessComputeBackend, folder: Path) -> None:
    backend.scale("default", 2)
    agents = backend.agents("default")
    for agent in agents:
        output(folder, agent)
    with closing(ProcessComputeBackend(folder, COMMAND)) as other:
        assert other.agents("default") == agents
        other.drain([agents[0].id, agents[0].id, AgentId("gone"), AgentId("../x")])
        assert eventually(lambda: ids(other.agents("default")) == [agents[1].id])


def test_an_agent_that_drains_is_told_so_and_is_not_counted(folder: Path) -> None:
    stubborn = ProcessComputeBackend(folder, [*COMMAND, "stubborn"], lifeline=True, grace=timedelta(0))
    with closing(stubborn):
        stubborn.scale("default", 1)
        [agent] = stubborn.agents("default")
        output(folder, agent)
        stubborn.drain([agent.id])
        assert [one.draining for one in stubborn.agents("default")] == [True]
        stubborn.scale("default", 1)
        assert [one.draining for one in stubborn.agents("default")] == [True, False]


def test_an_agent_that_was_killed_is_forgotten_and_replaced(backend: ProcessComputeBackend, folder: Path) -> None:
    backend.scale("default", 1)
    [agent] = backend.agents("default")
    os.kill(agent.pid or 0, signal.SIGKILL)
    assert eventually(lambda: backend.agents("default") == [])
    backend.scale("default", 1)
    assert ids(backend.agents("default")) != [agent.id]


def test_without_a_lifeline_agents_outlive_the_backend(backend: ProcessComputeBackend, folder: Path) -> None:
    with closing(ProcessComputeBackend(folder, COMMAND)) as other:
        other.scale("default", 1)
    [agent] = backend.agents("default")
    assert agent.pid is not None
    os.kill(agent.pid, signal.SIGKILL)
    os.waitpid(agent.pid, 0)


@pytest.mark.parametrize("kind", [[], ["stubborn"]])
def test_with_a_lifeline_close_ends_them_even_when_they_are_stubborn(
    backend: ProcessComputeBackend, folder: Path, kind: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("htcgrid.local.compute._MARGIN", 0.1)
    mine = ProcessComputeBackend(folder, [*COMMAND, *kind], lifeline=True, grace=timedelta(seconds=0.1))
    mine.scale("default", 2)
    for agent in mine.agents("default"):
        output(folder, agent)
    mine.close()
    mine.close()
    assert backend.agents("default") == []


def test_with_a_lifeline_they_end_when_their_client_is_killed(backend: ProcessComputeBackend, folder: Path) -> None:
    code = """
import sys
from pathlib import Path
from htcgrid.local.compute import ProcessComputeBackend
backend = ProcessComputeBackend(Path(sys.argv[1]), [sys.executable, "-c", sys.argv[2]], lifeline=True)
backend.scale("default", 2)
print("started", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(folder), AGENT]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": os.environ | {"PYTHONPATH": "."}}
    with subprocess.Popen(command, **pipes) as client:  # type: ignore[call-overload]
        client.stdout.readline()
        assert len(backend.agents("default")) == 2
        client.kill()
    assert eventually(lambda: backend.agents("default") == [])


def test_a_process_that_got_the_number_of_a_dead_agent_is_left_alone(
    backend: ProcessComputeBackend, folder: Path
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        record = AgentRecord(
            id=AgentId("agent-1"), pool="default", pid=stranger.pid, mark="1", started=utcnow(), host="here"
        )
        (folder / "agents" / "agent-1.json").write_bytes(msgspec.json.encode(record))
        backend.drain([record.id])
        assert backend.agents("default") == []
        assert not send_signal(stranger.pid, "1", signal.SIGKILL)
        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_a_record_that_is_broken_is_passed_over(backend: ProcessComputeBackend, folder: Path) -> None:
    (folder / "agents" / "agent-1.json").write_text("{")
    assert backend.agents("default") == []


def test_a_command_that_is_not_there_is_said_so(folder: Path) -> None:
    with (
        closing(ProcessComputeBackend(folder, ["/no/such/program"])) as backend,
        pytest.raises(ProviderUnavailableError, match=r"cannot be started or ended now: .*/no/such/program"),
    ):
        backend.scale("default", 1)


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_agent_that_cannot_be_put_on_record_is_not_left_running(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = ProcessComputeBackend(folder, COMMAND, lifeline=True)
    children: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen.__init__

    def noted(process: subprocess.Popen[bytes], *words: Any, **options: Any) -> None:
        start(process, *words, **options)
        children.append(process)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    monkeypatch.setattr(Roster, "write", full)
    for _ in range(3):
        with pytest.raises(ProviderUnavailableError, match="No space left on device; see to it and try again"):
            backend.scale("default", 1)
    assert len(children) == 3
    assert all(child.poll() is not None for child in children)
    monkeypatch.undo()
    backend.scale("default", 1)
    assert len(backend.agents("default")) == 1
    # Also when nothing can be written at the end, no agent stays.
    monkeypatch.setattr(Roster, "write", full)
    (agent,) = backend.agents("default")
    backend.close()
    assert birthmark(agent.pid or 0) is None


def test_agents_need_a_grid_toml(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[compute\]: agents are started on a grid.toml"):
        ProcessComputeBackend.open(
            LocalSettings(path=str(folder)), Source(file=None, folder=folder.parent, table="[compute]")
        )


def test_agents_are_started_on_the_same_grid_toml(tmp_path: Path) -> None:
    source = Source(file=tmp_path / "grid.toml", folder=tmp_path, table="[compute]")
    with closing(ProcessComputeBackend.open(LocalSettings(path="data", workers=2), source)) as backend:
        arguments = backend._arguments(AgentId("agent-1"), Pool())
    assert arguments[1:] == [
        "-P",
        "-m",
        "htcgrid_agent",
        "--config",
        str(tmp_path / "grid.toml"),
        "--id",
        "agent-1",
        "--workers",
        "2",
    ]
    assert (tmp_path / "data" / "agents").is_dir()


@pytest.mark.parametrize("follow", [False, True])
def test_a_log_that_is_gone_before_it_is_read_is_an_error_of_ours(tmp_path: Path, follow: bool) -> None:
    with closing(ProcessComputeBackend(tmp_path, COMMAND)) as compute:
        file = tmp_path / "agents" / "agent-1.log"
        file.write_text("begun\n")
        lines = compute.logs(AgentId("agent-1"), follow=follow)
        file.unlink()
        with pytest.raises(ProviderUnavailableError, match=r"agent-1.log cannot be read now: No such file"):
            next(lines)
