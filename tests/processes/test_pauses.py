"""Agents that sleep past their lease, outlast their grace, or come back under their old name."""

import json
import signal
import subprocess
from pathlib import Path

from htcgrid import Grid, RetryPolicy, TaskState
from tests.processes.conftest import Processes, until

SOON = 180.0
ONCE = RetryPolicy(tries=1)


def events(processes: Processes, process: subprocess.Popen[bytes]) -> list[str]:
    return [json.loads(line)["event"] for line in processes.log(process).splitlines()]


def workers_in(folder: Path) -> list[str]:
    """Return the command lines of the workers of this grid's agents."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text(errors="replace")
            if (process / "cwd").readlink() == folder and "htcgrid_agent.runtimes" in command:
                found.append(command)
        except OSError:
            continue
    return found


def test_a_paused_agent_s_tasks_are_another_s_after_its_lease_and_it_goes_on_when_it_wakes(
    processes: Processes,
) -> None:
    paused = processes.agent()
    with Grid.open(processes.config) as grid:
        session = grid.submit("work:nap", [0.5] * 6, retry=ONCE)
        until(lambda: bool(processes.begun))
        paused.send_signal(signal.SIGSTOP)
        other = processes.agent()
        assert session.results(timeout=SOON) == [0.5] * 6
        assert {outcome.tries for outcome in session.outcomes()} == {1}
        other.terminate()
        assert other.wait(SOON) == 0
        paused.send_signal(signal.SIGCONT)
        # What it still held is nobody's any more, and it takes on new work.
        assert grid.submit("work:square", range(10)).results(timeout=SOON) == [number**2 for number in range(10)]
        assert (session.status().succeeded, session.status().failed) == (6, 0)
    paused.terminate()
    assert paused.wait(SOON) == 0


def test_an_agent_whose_grace_is_over_gives_back_what_still_runs(processes: Processes) -> None:
    processes.config.write_text(processes.config.read_text().replace("grace = 8", "grace = 1"))
    agent = processes.agent()
    with Grid.open(processes.config) as grid:
        session = grid.submit("work:nap", [600.0, 600.0], retry=ONCE)
        until(lambda: len(processes.begun) == 2)
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(SOON) == 0
        status = session.status()
        assert (status.pending, status.running, status.failed) == (2, 0, 0)
        session.cancel()
    assert events(processes, agent)[-1] == "agent ended"
    until(lambda: not workers_in(processes.folder), SOON)


def test_an_agent_that_comes_back_under_its_old_name_does_what_it_held_again(processes: Processes) -> None:
    agent = processes.agent("--id", "desk-7")
    with Grid.open(processes.config) as grid:
        session = grid.submit("work:nap", [0.5] * 4, retry=ONCE)
        until(lambda: bool(processes.begun))
        agent.kill()
        agent.wait(SOON)
        again = processes.agent("--id", "desk-7")
        assert session.results(timeout=SOON) == [0.5] * 4
        assert {outcome.tries for outcome in session.outcomes()} == {1}
    again.terminate()
    assert again.wait(SOON) == 0


def test_a_session_that_is_cancelled_while_its_agent_is_paused_stays_so(processes: Processes) -> None:
    agent = processes.agent()
    with Grid.open(processes.config) as grid:
        session = grid.submit("work:nap", [0.5] * 4)
        until(lambda: bool(processes.begun))
        agent.send_signal(signal.SIGSTOP)
        counts = session.cancel()
        agent.send_signal(signal.SIGCONT)
        assert grid.submit("work:square", [3]).results(timeout=SOON) == [9]
        assert session.cancel() == counts
        assert counts.succeeded + counts.cancelled == 4
        assert (
            [outcome.state for outcome in session.outcomes(timeout=SOON)].count(TaskState.CANCELLED)
            == counts.cancelled
            > 0
        )


def test_no_worker_outlives_an_agent_that_a_signal_kills(processes: Processes) -> None:
    for number in (signal.SIGKILL, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT):
        agent = processes.agent()
        with Grid.open(processes.config) as grid:
            session = grid.submit("work:nap", [600.0, 600.0])
            until(lambda: session.status().running > 0)  # noqa: B023 - it is called at once
            assert workers_in(processes.folder)
            agent.send_signal(number)
            assert agent.wait(SOON) == -number
            until(lambda: not workers_in(processes.folder), SOON)
            session.cancel()
