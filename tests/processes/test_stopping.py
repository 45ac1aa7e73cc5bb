"""How agents end, and what becomes of what they held."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from htcgrid import Grid, RetryPolicy
from tests.processes.conftest import Processes, until

SOON = 180.0


def children(pid: int) -> list[int]:
    """Return the processes that ``pid`` has started and that run."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    """Return whether a process runs: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_agent_that_is_told_to_stop_finishes_what_runs_and_gives_back_the_rest(
    processes: Processes, number: signal.Signals
) -> None:
    # On a busy machine an agent may stand still for some seconds, and what it holds is not to lapse.
    processes.configure(lease=60.0, grace=30.0)
    first = processes.agent()
    with Grid.open(processes.config) as grid:
        session = grid.submit("work:nap", [1.0] * 8)
        until(lambda: bool(processes.begun))
        first.send_signal(number)
        assert first.wait(SOON) == 0
        status = session.status()
        assert status.succeeded >= 1
        assert (status.running, status.failed) == (0, 0)
        assert status.pending > 0
        processes.agent()
        assert session.results(timeout=SOON) == [1.0] * 8
        assert {outcome.tries for outcome in session.outcomes()} == {1}
    assert sorted(processes.begun) == list(range(8))


def test_what_runs_is_finished_when_all_processes_of_an_agent_are_told_to_stop(processes: Processes) -> None:
    agent = processes.agent()
    with Grid.open(processes.config) as grid:
        session = grid.submit("work:nap", [1.5] * 2, retry=RetryPolicy(tries=1))
        until(lambda: len(processes.begun) == 2)
        for process in (agent.pid, *children(agent.pid)):
            os.kill(process, signal.SIGTERM)
        assert agent.wait(SOON) == 0
        assert session.results(timeout=SOON) == [1.5] * 2
        assert {outcome.tries for outcome in session.outcomes()} == {1}


def test_what_a_handler_forks_can_be_told_to_stop(processes: Processes) -> None:
    processes.agent()
    with Grid.open(processes.config) as grid:
        assert grid.submit("work:forks", [0]).results(timeout=SOON) == [-signal.SIGTERM]


def test_a_worker_that_will_not_stop_is_killed_at_the_end_of_the_grace(processes: Processes) -> None:
    agent = processes.agent()
    with Grid.open(processes.config) as grid:
        session = grid.submit("work:stubborn", [600.0, 600.0])
        until(lambda: len(processes.begun) == 2)
        workers = children(agent.pid)
        began = time.monotonic()
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(SOON) == 0
        # Its grace is 8 seconds; without it, the tasks would take ten minutes.
        assert time.monotonic() - began > 7.5
        assert not any(runs(worker) for worker in workers)
        status = session.status()
        assert (status.pending, status.running, status.failed) == (2, 0, 0)
        session.cancel()


def test_a_second_signal_ends_the_grace_and_nothing_is_left_running(processes: Processes) -> None:
    processes.configure(grace=600.0)
    agent = processes.agent()
    with Grid.open(processes.config) as grid:
        session = grid.submit("work:nap", [600.0, 600.0])
        until(lambda: len(processes.begun) == 2)
        agent.send_signal(signal.SIGTERM)
        # Two signals that wait at once are one.
        until(lambda: "stopping" in processes.log(agent))
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(SOON) == 0
        status = session.status()
        assert (status.pending, status.running) == (2, 0)


@pytest.mark.parametrize("program", ["agent", "reaper"])
def test_a_burst_of_signals_ends_a_process_as_one_does(processes: Processes, program: str) -> None:
    # A handler that waits for a lock is interrupted by the next one, and waits for ever.
    for _ in range(4):
        process: subprocess.Popen[bytes] = getattr(processes, program)()
        for _ in range(200):
            process.send_signal(signal.SIGTERM)
        # And a process that has ended its work ends well, however late another comes.
        deadline = time.monotonic() + SOON
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(signal.SIGTERM)
        assert process.wait(0) == 0


def test_workers_do_not_outlive_their_agent(processes: Processes) -> None:
    agent = processes.agent()
    with Grid.open(processes.config) as grid:
        grid.submit("work:nap", [600.0, 600.0])
        until(lambda: len(processes.begun) == 2)
    workers = children(agent.pid)
    assert len(workers) == 2
    agent.kill()
    until(lambda: not any(runs(worker) for worker in workers), SOON)


def test_a_reaper_alone_returns_what_a_dead_agent_held(processes: Processes) -> None:
    processes.configure(reaper=False)
    agent = processes.agent()
    with Grid.open(processes.config) as grid:
        session = grid.submit("work:nap", [1.0] * 4, retry=RetryPolicy(tries=1))
        until(lambda: bool(processes.begun))
        agent.kill()
        agent.wait(SOON)
        processes.agent()
        reaper = processes.reaper()
        assert session.results(timeout=SOON) == [1.0] * 4
    reaper.terminate()
    assert reaper.wait(SOON) == 0
