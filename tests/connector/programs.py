"""Programs that open grids, as processes of their own, and all that they leave."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

#: The variable that all processes of one program inherit.
_MARK = "HTCGRID_TEST_PROGRAM"


class Ended(NamedTuple):
    """How a program ended."""

    status: int
    out: str
    err: str
    #: Seconds since it was last told something.
    took: float


class Program:
    """A script in a folder, which leads a session as those of a terminal do; its temporary files are in the folder."""

    def __init__(self, folder: Path, code: str, *words: str) -> None:
        self.folder = folder
        (folder / "temporary").mkdir(exist_ok=True)
        (folder / "program.py").write_text(code, encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "program.py", *words],
            cwd=folder,
            env=os.environ | {"TMPDIR": str(folder / "temporary"), _MARK: str(folder), "PYTHONFAULTHANDLER": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._told = time.monotonic()

    def line(self) -> str:
        """Return the next line that it prints."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], 90)[0]:
            raise AssertionError("it says nothing")
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"it ended: {self.end().err}")
        return line.strip()

    def press_ctrl_c(self) -> None:
        """Send SIGINT to all of its process group, as a terminal does, a moment after what it has said last.

        Python hears of a signal that comes just before a system call that waits, as time.sleep, only after that.
        """
        time.sleep(0.05)
        self._told = time.monotonic()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> Ended:
        """Return how it ended, once it has."""
        try:
            out, err = self.process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            # It says what its threads are at.
            self.process.send_signal(signal.SIGABRT)
            out, err = self.process.communicate()
            raise AssertionError(f"it did not end: {out}\n{err}") from None
        return Ended(self.process.returncode, out, err, time.monotonic() - self._told)

    def left(self) -> set[int]:
        """Return the processes that belong to it, and run or are stopped."""
        return {pid for pid in _processes() if self._is_ours(pid) and runs(pid)}

    def left_files(self) -> list[str]:
        """Return the temporary files that are there."""
        return [entry.name for entry in (self.folder / "temporary").iterdir()]

    def kill(self) -> None:
        """End all that is left."""
        for pid in {*self.left(), self.process.pid}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def _is_ours(self, pid: int) -> bool:
        with suppress(OSError):
            return f"{_MARK}={self.folder}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes()
        return False


def runs(pid: int) -> bool:
    """Return whether a process is there, and is no zombie."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] not in "ZX"
    return False


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never is"
        time.sleep(0.01)


def _processes() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]  # noqa: PTH208 - names are what is needed
