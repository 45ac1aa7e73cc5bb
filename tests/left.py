"""What a test leaves behind: processes, threads and descriptors, which the next test would be blamed for.

A test that leaves one fails at its teardown, by its own name. What its session's or module's fixtures hold was there
before it began; what ends by itself is waited for.
"""

import gc
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from multiprocessing import resource_tracker
from pathlib import Path

import pytest

_KEPT = pytest.StashKey[set[str]]()
#: How long what is about to end is waited for: seconds. Only a test that leaves something waits.
_PATIENCE = 60.0
_PAUSE = 0.02
#: Threads that libraries start once and keep: of asyncio's and anyio's executors, zmq, tqdm and IPython.
_KEPT_THREADS = ("asyncio_", "AnyIO", "IOPub", "Heartbeat", "Control", "IPythonHistorySavingThread", "pytest_timeout")
#: Where it can be told.
_CAN_TELL = Path("/proc/self/task").is_dir()
#: Programs that multiprocessing starts once and keeps.
_KEPT_PROGRAMS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


def held(folder: Path | None) -> dict[str, str]:
    """Return what this process holds at this moment: what a reader of a report is told, by what it is.

    Its children, its threads and pipes, and who stands or has files in a folder.
    """
    found = {f"process {pid}": "" for pid in _processes(folder)}
    found |= {f"thread {thread}": name for thread, name in _threads()}
    return found | {f"descriptor {number} {file}": "" for number, file in _descriptors(folder)}


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Keep apart what a fixture starts that several tests share, whichever of them comes first."""
    if fixturedef.scope == "function" or not _CAN_TELL:
        return (yield)
    before = held(None)
    result = yield
    kept = request.config.stash.setdefault(_KEPT, set[str]())
    kept.update(held(None).keys() - before.keys())
    return result


@pytest.fixture(autouse=True)
def _leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test after which a process, a thread or a descriptor is left that was not there before it."""
    if not _CAN_TELL:
        yield
        return
    folder: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    before = held(None)
    yield
    kept: set[str] = request.config.stash.get(_KEPT, set[str]())
    known = kept.union(before)
    left = awaited(lambda: [_shown(name, text) for name, text in held(folder).items() if name not in known])
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


def _shown(name: str, text: str) -> str:
    kind, _, pid = name.partition(" ")
    return f"{name}: {_command(pid) if kind == 'process' else text}"


def _processes(folder: Path | None) -> Iterator[str]:
    # The kernel leaves some out of a list while others end.
    for _ in range(2):
        for task in Path("/proc/self/task").iterdir():
            with suppress(OSError):
                for pid in (task / "children").read_text().split():
                    if not any(kept in _command(pid) for kept in _KEPT_PROGRAMS):
                        yield pid
    if folder is not None:
        yield from _standing_in(folder)


def _standing_in(folder: Path) -> Iterator[str]:
    for process in Path("/proc").glob("[1-9]*"):
        with suppress(OSError):
            stands = Path(os.readlink(process / "cwd"))  # noqa: PTH115 - this runs thousands of times
            if stands.is_relative_to(folder) and process.name != str(os.getpid()):
                yield process.name


def _command(pid: str) -> str:
    words = b""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    return " ".join(words.decode(errors="replace").rstrip("\0").split("\0"))[:200] or "(ended, and not waited for)"


def _threads() -> Iterator[tuple[int | None, str]]:
    for thread in threading.enumerate():
        # Others end with the process, and what is shared may start them late.
        if not thread.daemon and not thread.name.startswith(_KEPT_THREADS):
            yield thread.ident, thread.name


def _descriptors(folder: Path | None) -> Iterator[tuple[str, str]]:
    """Yield pipes, and files in the folder; others are opened late by what a session's fixtures share.

    The pipe to multiprocessing's resource tracker is kept with it.
    """
    kept = getattr(resource_tracker, "_resource_tracker")._fd  # noqa: B009 - there is no other way to tell
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - this runs thousands of times
        with suppress(OSError):
            file = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115 - as above
            if (file.startswith("pipe:") and number != str(kept)) or (
                folder is not None and Path(file).is_relative_to(folder)
            ):
                yield number, file
