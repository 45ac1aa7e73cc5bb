"""Many clients and sessions at once, and a reader that never reads: ``python -m tests.processes.overload``."""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from htcgrid import Grid
from htcgrid.config import AgentSettings
from tests.processes.conftest import Processes, until

_PATIENCE = 3600.0
#: The most that an urgent session may take, in seconds, and that an agent, a process of clients, and a client that
#: never reads may hold, in MB.
_URGENT, _AGENT, _CLIENT, _READER = 10.0, 200.0, 1000.0, 120.0
#: Clients of one process.
_TOGETHER = 25
#: What the session holds that its client never reads: tasks, each with a result of this many letters.
_UNREAD, _LETTERS = 10_000, 20_000
_NEVER_READS = f"""
import sys
from htcgrid import Grid
with Grid.open("grid.toml") as grid:
    session = grid.submit("work:letters", [{_LETTERS}] * {_UNREAD})
    outcomes = session.outcomes()
    next(outcomes)
    session.wait()
    print("ended", flush=True)
    sys.stdin.read()
"""
_PROGRAM = """
import json, resource, sys
from tests.processes.overload import Clients
print(json.dumps(Clients(*map(int, sys.argv[1:])).run()), flush=True)
"""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; times in seconds, memory in megabytes."""

    sessions: int
    submitted_in: float
    ended_in: float
    #: How long the urgent session took, which was submitted last, from the start of the agents to its last result; and
    #: how many sessions had not ended then.
    urgent: float
    behind: int
    #: The most memory that an agent, a process of clients, and a client that never reads ever held.
    agent_megabytes: float
    client_megabytes: float
    reader_megabytes: float


class Clients:
    """Some clients in one process, each with a connection of its own."""

    def __init__(self, clients: int, sessions: int) -> None:
        self._clients = clients
        self._sessions = sessions

    def run(self) -> dict[str, Any]:
        """Submit all sessions, then read all of them; return how many gave what they should."""
        submitted = threading.Barrier(self._clients, action=_say_submitted)
        with ThreadPoolExecutor(self._clients) as pool:
            right = sum(pool.map(lambda number: self._work(number, submitted), range(self._clients)))
        return {"right": right, "megabytes": _most_memory("self")}

    def _work(self, number: int, submitted: threading.Barrier) -> int:
        try:
            return self._submit_and_read(number, submitted)
        except BaseException:
            # Else the others would wait for this one.
            submitted.abort()
            raise

    def _submit_and_read(self, number: int, submitted: threading.Barrier) -> int:
        with Grid.open("grid.toml") as grid:
            sessions = [grid.submit("work:at_once", [number + each]) for each in range(self._sessions)]
            submitted.wait(_PATIENCE)
            return sum(
                session.results(timeout=_PATIENCE) == [2 * (number + each)] for each, session in enumerate(sessions)
            )


def run(folder: Path, *, clients: int, sessions: int) -> Load:
    """Run ``sessions`` of each of so many clients at once.

    Raises:
        AssertionError: a session gave something else than it should.
    """
    processes = Processes(folder)
    # As they are when nobody sets them.
    processes.configure(lease=AgentSettings().lease, heartbeat=AgentSettings().heartbeat)
    groups = -(-clients // _TOGETHER)
    each = clients // groups
    with ExitStack() as stack:
        stack.callback(processes.close)
        reader = stack.enter_context(_never_reads(processes))
        grid = stack.enter_context(Grid.open(processes.config))
        began = time.monotonic()
        started = [_start(folder, each, sessions) for _ in range(groups)]
        for process in started:
            stack.enter_context(process)
            stack.callback(process.kill)
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "submitted\n"
        submitted = time.monotonic()
        first = grid.submit("work:at_once", range(10), priority=3)
        agents = [processes.agent(), processes.agent()]
        assert first.results(timeout=_PATIENCE) == list(range(0, 20, 2))
        urgent = time.monotonic() - submitted
        behind = sum(not status.finished for status in grid.sessions())
        told = [json.loads(process.communicate(timeout=_PATIENCE)[0]) for process in started]
        ended = time.monotonic()
        assert [each["right"] for each in told] == [each * sessions] * groups
        until(lambda: all(status.finished for status in grid.sessions()), _PATIENCE)
        return Load(
            sessions=groups * each * sessions,
            submitted_in=round(submitted - began, 1),
            ended_in=round(ended - began, 1),
            urgent=round(urgent, 3),
            behind=behind,
            agent_megabytes=max(_most_memory(str(agent.pid)) for agent in agents),
            client_megabytes=max(each["megabytes"] for each in told),
            reader_megabytes=_most_memory(str(reader.pid)),
        )


@contextmanager
def _never_reads(processes: Processes) -> Iterator[subprocess.Popen[str]]:
    """Yield a client that does not read on, though all its tasks have ended."""
    agent = processes.agent()
    with subprocess.Popen(
        [sys.executable, "-c", _NEVER_READS],
        cwd=processes.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        try:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ended\n"
            agent.terminate()
            assert agent.wait(_PATIENCE) == 0
            yield reader
        finally:
            reader.kill()


def _say_submitted() -> None:
    sys.stdout.write("submitted\n")
    sys.stdout.flush()


def _start(folder: Path, clients: int, sessions: int) -> subprocess.Popen[str]:
    root = str(Path(__file__).parents[2])
    program = f"import sys; sys.path.insert(0, {root!r}){_PROGRAM}"
    return subprocess.Popen(
        [sys.executable, "-c", program, str(clients), str(sessions)], cwd=folder, stdout=subprocess.PIPE, text=True
    )


def _most_memory(process: str) -> float:
    """Return the most megabytes that a process ever held, as proc(5) has it."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return round(int(line.split()[1]) * 1024 / 1e6, 1)


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.processes.overload", description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--sessions", type=int, default=250, help="sessions of each client")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="htcgrid-overload-") as folder:
        load = run(Path(folder), clients=options.clients, sessions=options.sessions)
    well = (
        load.urgent <= _URGENT
        and load.behind >= load.sessions / 2
        and load.agent_megabytes <= _AGENT
        and load.client_megabytes <= _CLIENT
        and load.reader_megabytes <= _READER
    )
    sys.stdout.write(
        f"{options.clients} clients submitted {load.sessions:,} sessions in {load.submitted_in} s, and had all results "
        f"after {load.ended_in} s; an urgent session that came last had its own {load.urgent} s after the agents' "
        f"start, when {load.behind:,} sessions had not ended; an agent held {load.agent_megabytes} MB at most, "
        f"{_TOGETHER} clients {load.client_megabytes} MB, and one with {_UNREAD * _LETTERS / 1e6:g} MB of results that "
        f"it never reads {load.reader_megabytes} MB\n"
    )
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
