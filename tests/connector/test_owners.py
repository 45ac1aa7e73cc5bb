"""Processes end with their owner: agents with their client, workers and what their handlers start with their agent."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.connector.programs import Program, runs, until

#: A handler that starts a process, tells who is there, and then waits in some way.
PROGRAM = """
import json, multiprocessing, os, re, signal, subprocess, sys, time
from pathlib import Path
from htcgrid import Grid, RetryPolicy

START, WAIT, CLIENT = sys.argv[1:4]

def started():
    if START == "fork":
        if not (pid := os.fork()):
            time.sleep(600)
        return pid
    if START == "multiprocessing":
        process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
        process.start()
        return process.pid
    words = {"program": ["sleep", "600"], "shell": ["sh", "-c", "sleep 600 & sleep 600; true"]}[START]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL).pid

def hold(event, context):
    told = {"agent": os.getppid(), "worker": os.getpid(), "child": started()}
    Path("told.part").write_text(json.dumps(told))
    Path("told.part").rename("told")
    if WAIT == "in C":
        re.match("(a+)+b", "a" * 64)
    elif WAIT == "stopped":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif WAIT == "crash":
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGSEGV)
    elif WAIT == "exit":
        os._exit(1)
    elif WAIT == "memory":
        # Its worker is replaced.
        raise MemoryError
    time.sleep(600)

if __name__ == "__main__":
    if "without pidfd" in CLIENT:
        del os.pidfd_open
    with Grid.open(workers=1) as grid:
        timeout = 1.0 if CLIENT == "timeout" else None
        session = grid.submit(hold, [1], retry=RetryPolicy(tries=1), timeout=timeout)
        if "fork" in CLIENT:
            multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,)).start()
        while not Path("told").exists():
            time.sleep(0.01)
        print("told", flush=True)
        if CLIENT == "leaves":
            os._exit(0)
        if CLIENT == "becomes another":
            os.execvp("sleep", ["sleep", "600"])
        if "closes" in CLIENT:
            grid.close()
        if CLIENT == "cancels":
            session.cancel()
        time.sleep(600)
"""
Told = dict[str, int]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., tuple[Program, Told]]]:
    programs: list[Program] = []

    def start(*words: str) -> tuple[Program, Told]:
        programs.append(Program(tmp_path, PROGRAM, *words))
        assert programs[0].line() == "told"
        return programs[0], json.loads((tmp_path / "told").read_text())

    yield start
    for one in programs:
        one.kill()


#: What the handler starts, how it waits, what the client does, who is killed, and who ends by that.
DEATHS: list[tuple[str, str, str, str, tuple[str, ...]]] = [
    ("program", "sleep", "waits", "client", ("agent", "worker", "child")),
    ("shell", "in C", "waits", "client", ("agent", "worker", "child")),
    ("fork", "stopped", "waits", "client", ("agent", "worker", "child")),
    ("program", "sleep", "forks", "client", ("agent", "worker", "child")),
    ("multiprocessing", "in C", "forks", "client", ("agent", "worker", "child")),
    ("program", "sleep", "without pidfd, forks", "client", ("agent", "worker", "child")),
    ("program", "sleep", "without pidfd", "client", ("agent", "worker", "child")),
    ("program", "sleep", "leaves", "", ("agent", "worker", "child")),
    ("program", "in C", "becomes another", "", ("agent", "worker", "child")),
    ("shell", "in C", "closes", "", ("agent", "worker", "child")),
    ("program", "stopped", "closes", "", ("agent", "worker", "child")),
    ("program", "sleep", "forks, closes", "", ("agent", "worker", "child")),
    ("program", "sleep", "waits", "agent", ("worker", "child")),
    ("shell", "in C", "waits", "agent", ("worker", "child")),
    ("fork", "in C", "waits", "agent", ("worker", "child")),
    ("multiprocessing", "stopped", "waits", "agent", ("worker", "child")),
    ("program", "sleep", "waits", "worker", ("child",)),
    ("fork", "sleep", "waits", "worker", ("child",)),
    ("multiprocessing", "stopped", "waits", "worker", ("child",)),
    ("shell", "crash", "waits", "", ("worker", "child")),
    ("fork", "exit", "waits", "", ("worker", "child")),
    ("program", "in C", "timeout", "", ("worker", "child")),
    ("program", "in C", "cancels", "", ("worker", "child")),
    ("program", "memory", "waits", "", ("worker", "child")),
]


@pytest.mark.parametrize("death", DEATHS, ids=lambda death: ", ".join(filter(None, death[:4])))
def test_who_dies_takes_along_what_is_its_own(
    program: Callable[..., Any], death: tuple[str, str, str, str, tuple[str, ...]]
) -> None:
    start, wait, client, killed, end = death
    running, told = program(start, wait, client)
    if killed:
        os.kill({**told, "client": running.process.pid}[killed], signal.SIGKILL)
    if killed == "client":
        running.process.wait()
    until(lambda: not any(runs(told[one]) for one in end))
    assert killed != "worker" or runs(told["agent"])
