"""Workers that cannot be started: the agent stays, and goes on when they can be."""

import errno
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from htcgrid import Grid
from htcgrid_agent.shell.process import WorkerProcess
from tests.left import awaited


def descriptors() -> set[tuple[str, str]]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add((descriptor.name, str(descriptor.readlink())))
    return found


def refuse(_worker: WorkerProcess, *_descriptors: int) -> subprocess.Popen[bytes]:
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def test_a_worker_that_cannot_be_started_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WorkerProcess, "_start", refuse)
    before = descriptors()
    with pytest.raises(OSError, match="Resource temporarily unavailable"):
        WorkerProcess(0)
    # Threads of others have some for a moment.
    assert not awaited(lambda: sorted(map(str, descriptors() - before)), 30)


AGENT = """
import errno, os, sys
from htcgrid_agent import main
from htcgrid_agent.shell.process import WorkerProcess

start, refused = WorkerProcess._start, []

def sometimes(worker, *descriptors):
    if len(refused) < 3:
        refused.append(worker)
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    return start(worker, *descriptors)

WorkerProcess._start = sometimes
sys.exit(main.main())
"""


def test_an_agent_outlives_a_time_without_memory_for_workers(tmp_path: Path) -> None:
    config = tmp_path / "grid.toml"
    config.write_text("[state]\nprovider = 'local'\npath = 'state'\n[agent]\nhandlers = ['*']\nworkers = 2\n")
    log = tmp_path / "log"
    with log.open("wb") as output:
        agent = subprocess.Popen([sys.executable, "-c", AGENT, "--config", config], stderr=output)
    try:
        with Grid.open(config) as grid:
            assert grid.submit("math:sqrt", [4, 9]).results(timeout=60) == [2.0, 3.0]
    finally:
        agent.terminate()
        assert agent.wait(60) == 0
    assert log.read_text().count("worker cannot be started") == 3
