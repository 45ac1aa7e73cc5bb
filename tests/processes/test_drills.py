"""Processes are killed, paused and started again: every task ends, once, with the right result."""

import json
import signal
import subprocess
import time
from random import Random

import pytest

from htcgrid import Grid
from htcgrid.errors import SessionNotFoundError
from tests.processes.conftest import Processes, until

PATIENCE = 180.0
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSTOP)
CLIENT = """
import time
from htcgrid import Grid

def tasks():
    for number in range({tasks}):
        if number and number % {slow} == 0:
            time.sleep(0.05)
        yield number

with Grid.open("grid.toml") as grid:
    session = grid.submit("work:square", tasks(), id="drill")
    session.submitted()
    print("submitted", flush=True)
    print(sum(session.results()), flush=True)
"""


def drilled(processes: Processes, tasks: int) -> None:
    """See that the session holds each task's right result just once."""
    with Grid.open(processes.config) as grid:
        session = grid.session("drill")
        status = session.wait(timeout=PATIENCE)
        assert (status.total, status.succeeded, status.failed) == (tasks, tasks, 0)
        outcomes = list(session.outcomes(timeout=PATIENCE))
    assert sorted((outcome.index, outcome.value) for outcome in outcomes) == [(n, n * n) for n in range(tasks)]


@pytest.mark.parametrize("seed", range(4))
def test_any_process_may_get_any_signal_at_any_time(processes: Processes, seed: int) -> None:
    random = Random(seed)
    tasks = 1000
    agents = [processes.agent(), processes.agent()]
    paused: list[subprocess.Popen[bytes]] = []
    client, _ = processes.client(CLIENT.format(tasks=tasks, slow=100))
    for _ in range(8):
        time.sleep(random.uniform(0.1, 0.8))
        number = random.choice(SIGNALS)
        place = random.randrange(3)
        victim = client if place == 2 else agents[place]
        victim.send_signal(number)
        if number is signal.SIGSTOP:
            paused.append(victim)
        else:
            victim.wait(PATIENCE)
        if place == 2:
            client, _ = processes.client(CLIENT.format(tasks=tasks, slow=100))
        else:
            agents[place] = processes.agent()
    # The paused ones come back after their leases have lapsed, with outcomes that are late.
    time.sleep(random.uniform(0.0, 4.0))
    for process in paused:
        process.send_signal(signal.SIGCONT)
    assert client.wait(PATIENCE) == 0
    assert processes.log(client).split()[-1] == str(sum(n * n for n in range(tasks)))
    drilled(processes, tasks)


def test_a_client_that_is_killed_while_it_submits_goes_on_under_its_id(processes: Processes) -> None:
    processes.agent()
    client, _ = processes.client(CLIENT.format(tasks=40_000, slow=500))

    def some_are_accepted() -> bool:
        try:
            return processes.status("drill").total > 0
        except SessionNotFoundError:
            return False

    until(some_are_accepted)
    client.kill()
    client.wait(PATIENCE)
    assert 0 < processes.status("drill").total < 40_000
    with Grid.open(processes.config) as grid:
        session = grid.submit("work:square", range(40_000), id="drill")
        assert session.status().total == 40_000
        session.cancel()


def test_a_client_that_is_killed_while_it_waits_leaves_results_for_the_next(processes: Processes) -> None:
    client, log = processes.client(CLIENT.format(tasks=200, slow=1000))
    until(lambda: "submitted" in log.read_text())
    client.kill()
    client.wait(PATIENCE)
    processes.agent()
    drilled(processes, 200)


def test_logs_name_session_bundle_and_attempt_and_show_no_payload(processes: Processes) -> None:
    agent = processes.agent()
    secret = "4711-0815-secret"
    events = [{"does": does, "secret": secret} for does in ("price", "raise", "die")]
    with Grid.open(processes.config) as grid:
        session = grid.submit("work:quote", events)
        status = session.wait(timeout=PATIENCE)
        assert (status.succeeded, status.failed) == (1, 2)
    agent.terminate()
    assert agent.wait(PATIENCE) == 0
    log = processes.log(agent)
    assert secret not in log
    lines = [json.loads(line) for line in log.splitlines()]
    about = [line for line in lines if line["event"] in {"printed", "worker ended"} and "session" in line]
    assert {line["event"] for line in about} == {"printed", "worker ended"}
    assert all(line["session"] == session.id and line["bundle"] and line["attempt"] >= 1 for line in about)
    assert all({"agent", "timestamp", "level"} <= set(line) for line in lines)
