"""A grid of separate processes in a folder of its own, as its operator starts it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from htcgrid import Grid
from htcgrid.model import SessionStatus

_PATIENCE = 180.0
_NOTHING: Mapping[str, str] = {}
_HTCGRID = Path(sys.executable).with_name("htcgrid")
_WORK = """
import multiprocessing
import os
import select
import signal
import time
from pathlib import Path

RUNS = Path(__file__).with_name("runs")


def square(event, context):
    time.sleep(0.02)
    return event * event


def steady(event, context):
    with RUNS.open("a") as runs:
        runs.write(f"{context.session_id}/{context.index}\\n")
    # Not time.sleep, which some clocks that are not the machine's break.
    select.select((), (), (), 0.02)
    return event * event


def double(event, context):
    time.sleep(0.005)
    return 2 * event["number"]


def at_once(number, context):
    return 2 * number


def letters(count, context):
    return "x" * count


def nap(seconds, context):
    with RUNS.open("a") as runs:
        runs.write(f"{context.index}\\n")
    time.sleep(seconds)
    return seconds


def forks(event, context):
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    child.terminate()
    child.join()
    return child.exitcode


def stubborn(seconds, context):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return nap(seconds, context)


def quote(event, context):
    if event["does"] == "raise":
        raise ValueError("this market is closed")
    if event["does"] == "die":
        os.abort()
    print("priced one")
    return len(event["secret"])
"""
_TOML = """
[state]
provider = "local"
path = "state"
# On a busy machine many wait for their turn to write.
patience = 120
{queue}
[agent]
handlers = ["work:*"]
path = ["."]
workers = 2
lease = {lease}
heartbeat = {heartbeat}
grace = {grace}
reaper = {reaper}
"""


class Processes:
    """The processes of one grid; those that still run at the end are killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "grid.toml"
        self.configure()
        (folder / "work.py").write_text(_WORK)
        self._started: list[subprocess.Popen[bytes]] = []

    def configure(
        self,
        *,
        reaper: bool = True,
        apart: bool = False,
        lease: float = 3.0,
        heartbeat: float = 0.5,
        grace: float = 8.0,
    ) -> None:
        """Write the grid.toml; with ``apart``, hints stand in another file than the state."""
        queue = '\n[queue]\nprovider = "local"\npath = "queue"\n' if apart else ""
        self.config.write_text(
            _TOML.format(reaper=str(reaper).lower(), queue=queue, lease=lease, heartbeat=heartbeat, grace=grace)
        )

    def agent(self, *options: str, environment: Mapping[str, str] = _NOTHING) -> subprocess.Popen[bytes]:
        """Start an agent; return when it has said so."""
        process = self.starting_agent(*options, environment=environment)
        until(lambda: "agent started" in self.log(process))
        return process

    def starting_agent(self, *options: str, environment: Mapping[str, str] = _NOTHING) -> subprocess.Popen[bytes]:
        """Start an agent, and return at once."""
        words = ("agent", "--config", self.config, "--log", "json", *options)
        process, _ = self.command(*words, environment=environment)
        return process

    def command(
        self, *words: object, environment: Mapping[str, str] = _NOTHING
    ) -> tuple[subprocess.Popen[bytes], Path]:
        """Start a command; return it, and the file with what it prints."""
        return self._start(_HTCGRID, *words, environment=environment)

    def reaper(self, *, environment: Mapping[str, str] = _NOTHING) -> subprocess.Popen[bytes]:
        """Start a reaper; return when it has said so."""
        process, log = self.command("reaper", "--config", self.config, environment=environment)
        until(lambda: "reaper started" in log.read_text())
        return process

    def client(
        self, code: str, *, environment: Mapping[str, str] = _NOTHING, stdin: int = subprocess.DEVNULL
    ) -> tuple[subprocess.Popen[bytes], Path]:
        """Start a client; return it, and the file with what it prints."""
        file = self.folder / "client.py"
        file.write_text(code)
        return self._start(sys.executable, file, environment=environment, stdin=stdin)

    def log(self, process: subprocess.Popen[bytes]) -> str:
        """Return what a process has printed."""
        return self._file(self._started.index(process)).read_text()

    @property
    def begun(self) -> list[int]:
        """The tasks of ``work:nap`` that were begun, once for each time."""
        runs = self.folder / "runs"
        return [int(index) for index in runs.read_text().split()] if runs.exists() else []

    def status(self, session: str) -> SessionStatus:
        """Return how far a session is."""
        with Grid.open(self.config) as grid:
            return grid.session(session).status()

    def close(self) -> None:
        """Kill whatever runs."""
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
        for process in self._started:
            process.wait(_PATIENCE)

    def _start(
        self, *command: object, environment: Mapping[str, str], stdin: int = subprocess.DEVNULL
    ) -> tuple[subprocess.Popen[bytes], Path]:
        log = self._file(len(self._started))
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=self.folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        return process, log

    def _file(self, number: int) -> Path:
        return self.folder / f"process-{number}.log"


def until(condition: Callable[[], bool], seconds: float = _PATIENCE) -> None:
    """Return once the condition holds, which it must within some time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    started = Processes(tmp_path)
    yield started
    started.close()
