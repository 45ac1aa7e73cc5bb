"""The command line as its users call it: in this process where that is the same, in one of its own where it is not."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from htcgrid.cli import main

PATIENCE = 180.0
_TOML = """
[state]
provider = "local"
path = "state"

[agent]
handlers = ["work:*"]
path = ["."]
workers = 2
"""
_WORK = """
import sys
import time

import htcgrid.testing.handlers

def echo(event):
    return event

def refuse(event):
    if event == "bad":
        raise ValueError("bad, says the handler")
    return event

def sleep(seconds):
    time.sleep(seconds)
    return seconds

def describe(event, context):
    return [event, context.try_number, context.remaining() is not None]

def pair(event):
    return event, {1: event}

def third(event, context):
    if context.try_number < 3:
        raise RuntimeError("not yet")
    return context.try_number

def shout(event):
    return event.upper() if isinstance(event, str) else event

def talk(event):
    print("hello", event)
    print("careful\\twith \\x1b[31mred", file=sys.stderr)
    return refuse(event)
"""


class Ended(NamedTuple):
    """What a command left: its exit status and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one clear line that a command ends with when something is wrong, without its prefix."""
        assert self.status == 2, self
        assert self.out == "", self
        (line,) = self.err.splitlines()
        assert line.startswith("htcgrid: "), self
        return line.removeprefix("htcgrid: ")

    @property
    def usage_error(self) -> str:
        """What is wrong with the words of a command, which comes after a line on its usage."""
        assert self.status == 2, self
        assert self.out == "", self
        *usage, line = self.err.splitlines()
        assert usage[0].startswith("Usage: htcgrid "), self
        assert len(usage) == 3, self
        assert line.startswith("Error: "), self
        return line.removeprefix("Error: ")


Command = Callable[..., Ended]


@pytest.fixture
def htcgrid(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process."""

    def run(*words: object) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([str(word) for word in words])
        written = capsys.readouterr()
        status = exit_.value.code
        assert isinstance(status, int)
        return Ended(status, written.out, written.err)

    return run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder, in which each test stands; no grid is named, and temporary files have a place of their own."""
    here = tmp_path / "here"
    here.mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("HTCGRID_CONFIG", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("NO_COLOR", "1")
    # An example's folder goes onto it.
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delenv("COLUMNS", raising=False)
    return here


@pytest.fixture
def grid(folder: Path) -> Path:
    """A grid.toml in the user's folder, of a grid without agents."""
    return write_grid(folder)


@pytest.fixture(scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("served")
    write_grid(place)
    with started("agent", cwd=place) as agent:
        yield place
        agent.terminate()
        agent.wait(PATIENCE)


@pytest.fixture
def served(_served: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a grid with an agent, in which the test stands; all tests share it."""
    monkeypatch.chdir(_served)
    return _served


def write_grid(folder: Path) -> Path:
    """Write a grid.toml and a module with handlers; return the former."""
    (folder / "work.py").write_text(_WORK)
    file = folder / "grid.toml"
    file.write_text(_TOML)
    return file


def started(*words: object, cwd: Path | None = None) -> subprocess.Popen[str]:
    """Start a command as a process of its own, which the caller ends."""
    return subprocess.Popen(
        [Path(sys.executable).with_name("htcgrid"), *(str(word) for word in words)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> Ended:
    """Return what a process leaves once it has ended."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return Ended(process.returncode, out, err)


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return once the condition holds, which it must within some time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.005)


def processes_in(folder: Path) -> list[int]:
    """Return the processes that stand in a folder, as agents and workers do in their client's."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder and int(process.name) != os.getpid():
                found.append(int(process.name))
        except OSError:
            continue
    return found
