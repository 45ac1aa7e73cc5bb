"""A drill strikes workers, and no process that is not one yet."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from htcgrid.drill.crew import Crew, DrilledAgent
from htcgrid.drill.plan import Plan

#: Stands still as a process that was forked, and as a worker. Until a program has begun, its command cannot be read.
_CHILDREN = """
import subprocess, sys
sleep = "import time; print(flush=True); time.sleep(600)"
forked = subprocess.Popen([sys.executable, "-c", sleep], stdout=subprocess.PIPE)
worker = subprocess.Popen([sys.executable, "-c", sleep, "htcgrid_agent.runtimes"], stdout=subprocess.PIPE)
forked.stdout.readline(), worker.stdout.readline()
print(forked.pid, worker.pid, flush=True)
sys.stdin.read()
forked.kill()
worker.kill()
"""


def test_a_child_of_an_agent_that_is_no_worker_yet_is_none(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _CHILDREN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        _forked, worker = map(int, process.stdout.readline().split())
        agent = DrilledAgent("one", process, tmp_path / "log")
        assert agent.workers == [worker]
        process.communicate()
    assert agent.workers == []


def test_a_worker_that_stands_still_is_ended_also_when_its_agent_is_gone(tmp_path: Path) -> None:
    crew = Crew(Plan(tasks=1, seconds=1.0, strikes=(), pool="drill"), tmp_path / "grid.toml", tmp_path)
    command = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]
    workers = [
        subprocess.Popen([*command, word], stdout=subprocess.PIPE) for word in ("htcgrid_agent.runtimes", "another")
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
        os.kill(worker.pid, signal.SIGSTOP)
        crew.hung.add(worker.pid)
    crew.close()
    assert workers[0].wait(60) == -signal.SIGKILL
    # The number of one that has ended may be another's.
    assert workers[1].poll() is None
    workers[1].kill()
    for worker in workers:
        worker.communicate()
