"""What a test leaves behind: processes, threads and descriptors, which the next test would be blamed for.

A test that leaves one fails at its teardown, by its own name. What its session's or module's fixtures hold was there
before it began; what ends by itself is waited for.
"""

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

#: How long what is about to end is waited for: seconds. Only a test that leaves something waits.
_PATIENCE = 3.0
_PAUSE = 0.02
#: Threads that libraries start once and keep: of asyncio's and anyio's executors, zmq, tqdm and IPython.
_KEPT_THREADS = ("asyncio_", "AnyIO", "IOPub", "Heartbeat", "Control", "IPythonHistorySavingThread", "pytest_timeout")
#: Programs that multiprocessing starts once and keeps.
_KEPT_PROGRAMS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


class Held(NamedTuple):
    """What this process holds at one moment, by names that a reader of a report understands."""

    processes: frozenset[str]
    threads: frozenset[str]
    descriptors: frozenset[str]

    @classmethod
    def now(cls, folder: Path | None) -> "Held":
        """Look at the children of this process, its threads and pipes, and at who stands or has files in a folder."""
        return cls(frozenset(_processes(folder)), frozenset(_threads()), frozenset(_descriptors(folder)))

    def beyond(self, before: "Held") -> list[str]:
        """Return what is here and was not there before."""
        return sorted(
            f"{kind}: {name}"
            for kind, here, there in zip(("process", "thread", "descriptor"), self, before, strict=True)
            for name in here - there
        )


@pytest.fixture(autouse=True)
def _leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test after which a process, a thread or a descriptor is left that was not there before it."""
    if not Path("/proc/self/task").is_dir():
        yield
        return
    folder: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    before = Held.now(None)
    yield
    left = awaited(lambda: Held.now(folder).beyond(before))
    if left:
        raise pytest.fail.Exception("this test left behind:\n  " + "\n  ".join(left), pytrace=False) from None


def awaited(left: Callable[[], list[str]], patience: float = _PATIENCE) -> list[str]:
    """Return what is left once nothing is, or it has had its time to end."""
    if not left():
        return []
    # What nobody refers to but itself is freed late.
    gc.collect()
    deadline = time.monotonic() + patience
    while (found := left()) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    return found


def _processes(folder: Path | None) -> Iterator[str]:
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            for pid in (task / "children").read_text().split():
                if not any(kept in (shown := _command(pid)) for kept in _KEPT_PROGRAMS):
                    yield shown
    if folder is not None:
        yield from _standing_in(folder)


def _standing_in(folder: Path) -> Iterator[str]:
    for process in Path("/proc").glob("[1-9]*"):
        with suppress(OSError):
            stands = Path(os.readlink(process / "cwd"))  # noqa: PTH115 - this runs thousands of times
            if stands.is_relative_to(folder) and process.name != str(os.getpid()):
                yield _command(process.name)


def _command(pid: str) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    return f"{pid} {' '.join(words)[:200] or '(ended, and not waited for)'}"


def _threads() -> Iterator[str]:
    for thread in threading.enumerate():
        if not thread.name.startswith(_KEPT_THREADS):
            yield f"{thread.name} ({thread.ident})"


def _descriptors(folder: Path | None) -> Iterator[str]:
    """Yield pipes, and files in the folder; others are opened late by what a session's fixtures share."""
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - this runs thousands of times
        with suppress(OSError):
            file = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115 - as above
            if file.startswith("pipe:") or (folder is not None and Path(file).is_relative_to(folder)):
                yield f"{number} {file}"
