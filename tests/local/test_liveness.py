"""Dead agents are told from those that live."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from htcgrid.local.liveness import AgentLiveness
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import AgentId
from htcgrid.testing.samples import bundles_of, keys_of, session_of

AGENT = AgentId("agent-1")
HOUR = timedelta(hours=1)


@pytest.fixture
def agents(folder: Path) -> Path:
    return folder / "agents"


@pytest.fixture
def mine(agents: Path) -> Iterator[AgentLiveness]:
    with closing(AgentLiveness(agents)) as liveness:
        yield liveness


def test_an_agent_lives_until_its_holder_lets_go(mine: AgentLiveness, agents: Path) -> None:
    other = AgentLiveness(agents)
    other.hold(AGENT)
    other.hold(AGENT)
    assert not mine.is_dead(AGENT)
    other.close(holding=[AGENT])
    assert mine.is_dead(AGENT)


def test_nobody_can_tell_of_an_agent_that_never_held_its_lock_or_ended_well(mine: AgentLiveness, agents: Path) -> None:
    assert not mine.is_dead(AGENT)
    other = AgentLiveness(agents)
    other.hold(AGENT)
    other.close()
    assert not mine.is_dead(AGENT)
    assert list(agents.iterdir()) == []


def test_a_dead_agent_that_was_forgotten_leaves_nothing_and_a_living_one_is_not_forgotten(
    mine: AgentLiveness, agents: Path
) -> None:
    other = AgentLiveness(agents)
    other.hold(AGENT)
    mine.forget(AGENT)
    assert len(list(agents.iterdir())) == 1
    other.close(holding=[AGENT])
    mine.forget(AGENT)
    assert list(agents.iterdir()) == []


def test_an_agent_that_comes_back_lives(mine: AgentLiveness, agents: Path) -> None:
    other = AgentLiveness(agents)
    other.hold(AGENT)
    other.close(holding=[AGENT])
    with closing(AgentLiveness(agents)) as again:
        again.hold(AGENT)
        assert not mine.is_dead(AGENT)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "x" * 300, "with space", "ümlaut", ""])
def test_any_id_is_a_name_inside_the_folder(mine: AgentLiveness, agents: Path, name: str) -> None:
    mine.hold(AgentId(name))
    assert not AgentLiveness(agents).is_dead(AgentId(name))
    assert [file.parent for file in agents.rglob("*")] == [agents]


def test_a_child_does_not_keep_its_parent_alive(mine: AgentLiveness, agents: Path) -> None:
    code = """
import os, subprocess, sys
from pathlib import Path
from htcgrid.local.liveness import AgentLiveness
liveness = AgentLiveness(Path(sys.argv[1]))
liveness.hold("agent-1")
exec_child = subprocess.Popen(["sleep", "60"], close_fds=False).pid
forked = os.fork()
if forked == 0:
    print(exec_child, flush=True)
    sys.stdin.read()
    os._exit(0)
sys.stdin.read()
"""
    env = os.environ | {"PYTHONPATH": "."}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, agents], **pipes, env=env) as parent:  # type: ignore[call-overload]
        exec_child = int(parent.stdout.readline())
        try:
            assert not mine.is_dead(AGENT)
            parent.kill()
            parent.wait()
            assert mine.is_dead(AGENT)
        finally:
            os.kill(exec_child, signal.SIGKILL)


CLAIM = """
import os, sys
from datetime import timedelta
from pathlib import Path
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import AgentId, BundleKey
store = SqliteStateStore(Path(sys.argv[1]))
claims = store.claim([BundleKey(sys.argv[2], 0)], agent=AgentId("agent-1"), lease=timedelta(hours=1))
print(len(claims), flush=True)
sys.stdin.read()
"""


def test_the_bundles_of_a_killed_agent_lapse_at_once_and_those_of_others_do_not(folder: Path) -> None:
    with closing(SqliteStateStore(folder)) as store:
        session = session_of()
        store.create(session, bundles_of(session, 2))
        env = os.environ | {"PYTHONPATH": "."}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = [sys.executable, "-c", CLAIM, folder, session.id]
        with subprocess.Popen(command, **pipes, env=env) as agent:  # type: ignore[call-overload]
            assert agent.stdout.readline() == b"1\n"
            [mine] = store.claim(keys_of(bundles_of(session, 2)), agent=AgentId("agent-2"), lease=HOUR)
            assert store.due(10) == []
            agent.kill()
            agent.wait()
        [hint] = store.due(10)
        assert hint.key.start == 0
        assert store.due(10) == []
        [again] = store.claim([hint.key], agent=AgentId("agent-3"), lease=HOUR)
        assert (again.lease.attempt, again.lapses_alone) == (2, 1)
        assert store.renew([mine.lease]).kept == [mine.lease]
        assert not (folder / "agents" / "agent-1.lock").exists()


def test_a_store_that_is_closed_with_bundles_in_hand_is_a_dead_agent(folder: Path) -> None:
    with closing(SqliteStateStore(folder)) as store:
        session = session_of()
        bundles = bundles_of(session, 2)
        store.create(session, bundles)
        with closing(SqliteStateStore(folder)) as agent:
            agent.claim(keys_of(bundles), agent=AGENT, lease=HOUR)
            assert store.due(10) == []
        assert len(store.due(10)) == 2


def test_with_a_clock_of_a_test_only_the_clock_judges(folder: Path, store: SqliteStateStore) -> None:
    session = session_of()
    bundles = bundles_of(session, 1)
    store.create(session, bundles)
    with closing(SqliteStateStore(folder)) as agent:
        agent.claim(keys_of(bundles), agent=AGENT, lease=HOUR)
    assert store.due(10) == []
