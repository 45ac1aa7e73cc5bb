"""htcgrid drill: a grid that keeps its promises under strikes, and what is said when one does not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from htcgrid import Grid
from htcgrid.drill.plan import Strike
from tests.cli.conftest import PATIENCE, Command, Ended, ended, processes_in, started, until
from tests.quickest import quickest

SHORT = ("--tasks", "1000", "--minutes", "0.12", "--every", "0.4")


def facts(left: Ended) -> dict[str, object]:
    """Return what --json printed."""
    assert left.out, left
    found: dict[str, object] = json.loads(left.out)
    return found


def test_a_drill_strikes_a_grid_of_its_own_and_every_promise_is_kept(folder: Path) -> None:
    left = ended(started("drill", *SHORT, "--seed", "7", cwd=folder))
    assert left.status == 0, left
    assert "every promise was kept" in left.out
    assert "agent killed (SIGKILL)" in left.out
    assert "executed again" in left.out
    # Neither a process nor a file is left.
    assert processes_in(folder) == []
    assert list(Path(os.environ["TMPDIR"]).iterdir()) == []


def test_what_agents_give_back_that_are_told_to_stop_runs_elsewhere_within_two_seconds(folder: Path) -> None:
    # An agent starts in less than the time between two strikes, also on a busy machine: somebody is always there.
    words = ("--tasks", "200", "--minutes", "0.2", "--every", "1.5", "--agents", "3", "--faults", "agent-told-to-stop")

    def recovery() -> float:
        left = ended(started("drill", *words, "--seed", "2", "--json", cwd=folder))
        told = json.loads(left.out)
        assert (left.status, told["broken"]) == (0, [])
        # It is no loss: nothing waits for a lease, and nothing runs twice.
        assert told["executed_again"] == 0
        found = told["recovery_seconds"]["agent-told-to-stop"]
        assert found["count"] >= 2
        return float(found["p99"])

    assert quickest(recovery, 2.0, times=4) <= 2.0


def test_a_drill_on_a_grid_leaves_other_sessions_alone_and_its_own_goes(htcgrid: Command, grid: Path) -> None:
    with Grid.open(grid) as opened:
        mine = opened.submit("work:echo", [1, 2, 3])
        left = htcgrid("drill", *SHORT, "--seed", 1, "--faults", "agent-killed,worker-killed,client-killed", "--json")
        told = facts(left)
        assert (left.status, told["tasks"], told["lost"], told["broken"]) == (0, 1000, 0, [])
        struck = told["faults"]
        assert isinstance(struck, dict)
        assert set(struck) == {"agent-killed", "worker-killed", "client-killed"}
        # Its agents are those of another pool.
        assert mine.status().pending == 3
        assert [status.session.id for status in opened.sessions()] == [mine.id]


def test_observing_starts_and_strikes_nothing(htcgrid: Command, grid: Path) -> None:
    grid.write_text(
        grid.read_text().replace('"work:*"', '"work:*", "htcgrid.drill.work:*"') + "lease = 4\nheartbeat = 1\n"
    )
    agents = [started("agent", "--id", f"mine-{number}") for number in range(2)]
    drill = started("drill", "--tasks", "1000", "--minutes", "0.1", "--observe", "--json")
    with Grid.open(grid) as opened:
        until(lambda: any(status.succeeded for status in opened.sessions()))
    agents[0].send_signal(signal.SIGKILL)
    left = ended(drill)
    for agent in agents:
        agent.terminate()
        ended(agent)
    assert (left.status, facts(left)["faults"], facts(left)["broken"]) == (0, {}, [])


def test_agents_that_may_not_run_the_drill_are_what_is_wrong(htcgrid: Command, grid: Path) -> None:
    with started("agent") as agent:
        left = htcgrid("drill", "--tasks", "10", "--minutes", "0.05", "--observe")
        agent.terminate()
        ended(agent)
    assert left.status == 1
    assert "task 0 failed, though it can be run: HandlerNotAllowed: handler 'htcgrid.drill.work:run'" in left.out
    assert "what its processes said is in " in left.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--observe", "--faults", "all"], "--observe strikes nothing, so --faults cannot go with it"),
        (["--minutes", "nan"], "Invalid value for '--minutes': 'nan' is no number that there is"),
        (["--tasks", "0"], "Invalid value for '--tasks'"),
    ],
)
def test_words_that_make_no_drill_are_said_so(htcgrid: Command, words: list[str], said: str) -> None:
    assert said in htcgrid("drill", *words).usage_error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--faults", "earthquake"], "--faults: 'earthquake' is none of all, agent-killed, "),
        (["--faults", ","], "--faults: ',' is none of all, agent-killed, "),
        (["--config", "none.toml"], "none.toml: cannot be read: No such file or directory"),
        (["--pool", "a b"], "pool 'a b'"),
        (["--observe"], "no grid: name its file with --config"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_starts(htcgrid: Command, words: list[str], said: str) -> None:
    assert said in htcgrid("drill", *words).error
    assert list(Path(os.environ["TMPDIR"]).iterdir()) == []


def test_agents_that_cannot_start_end_the_drill(htcgrid: Command, grid: Path) -> None:
    grid.write_text(grid.read_text() + 'environment = { TOKEN = { env = "NOWHERE" } }\n')
    left = htcgrid("drill", "--tasks", "10", "--minutes", "0.05")
    assert left.status == 2
    assert "agents end by themselves, time after time: " in left.err
    assert "'NOWHERE' is not set" in left.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_drill_leaves_no_process_and_no_session(
    folder: Path, grid: Path, number: signal.Signals
) -> None:
    drill = started("drill", "--minutes", "5", "--every", "0.3", "--faults", "worker-hung,agent-killed", cwd=folder)
    with Grid.open(grid) as opened:
        until(lambda: any(status.succeeded for status in opened.sessions()))
        drill.send_signal(number)
        assert ended(drill).status == 130
        assert list(opened.sessions()) == []
    # Not even workers that stood still.
    until_left(folder)
    assert list(Path(os.environ["TMPDIR"]).iterdir()) == []


def test_agents_and_clients_end_with_a_drill_that_is_killed(folder: Path) -> None:
    drill = started("drill", "--minutes", "5", "--faults", "hints-dropped", cwd=folder)
    until(lambda: len(processes_in(folder)) > 5)
    drill.kill()
    ended(drill)
    until_left(folder)


def test_a_strike_that_finds_no_occasion_is_told(htcgrid: Command, grid: Path) -> None:
    left = htcgrid("drill", "--tasks", 20, "--minutes", 0.05, "--every", 0.5, "--faults", "queue-emptied,agent-killed")
    assert left.status == 0
    assert "never happened, for there was no occasion: queue emptied" in left.out


def test_an_agent_that_ends_by_itself_is_told(htcgrid: Command, folder: Path) -> None:
    drill = started("drill", "--tasks", "200", "--minutes", "0.15", "--faults", "hints-dropped", cwd=folder)
    until(lambda: bool(agents_in(folder)))
    os.kill(agents_in(folder)[0], signal.SIGKILL)
    left = ended(drill)
    assert left.status == 1
    assert "ended by itself: " in left.out


def until_left(folder: Path) -> None:
    """Return once no process stands in a folder; tell which do, and how, if some go on."""
    deadline = time.monotonic() + PATIENCE
    while left := processes_in(folder):
        if time.monotonic() > deadline:
            numbers = ",".join(map(str, left))
            command = ["ps", "-o", "pid,ppid,stat,wchan,args", "-p", numbers]
            pytest.fail(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
        time.sleep(0.01)


def agents_in(folder: Path) -> list[int]:
    """Return the agents that stand in a folder."""
    found = processes_in(folder)
    return [pid for pid in found if b"htcgrid_agent\0--config" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_every_strike_has_a_name_and_words() -> None:
    assert len({strike.about for strike in Strike}) == len(Strike) == 9


def test_the_client_is_a_program(folder: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "htcgrid.drill.client", "--help"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert "goes on under the same id" in ran.stdout
