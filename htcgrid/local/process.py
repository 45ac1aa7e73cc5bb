"""A process of this machine, told from a later one that got the same number."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def birthmark(pid: int) -> str | None:
    """Return what tells this process from others that ever had its number; None when it does not run."""
    return _from_proc(pid) if sys.platform == "linux" else _from_ps(pid)


def send_signal(pid: int, mark: str, number: int) -> bool:
    """Send a signal to the process with this birthmark; return whether it was there."""
    if birthmark(pid) != mark:
        return False
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
        return True
    return False


def continue_holder(descriptor: int) -> bool:
    """Let the process that holds the lock of an open file go on if it was stopped; return whether that was so.

    A process that is stopped in the middle of a write would stop everybody else, for as long as it sleeps. One that a
    debugger holds stays. Only Linux tells who holds a lock (proc_locks(5)).
    """
    with suppress(OSError):
        return _continue("FLOCK", os.fstat(descriptor))
    return False


def continue_lockers(path: Path) -> bool:
    """Let processes that hold bytes of a file alone go on if they were stopped; return whether there were any.

    The file is not opened: closing it would drop the locks that this process itself holds on it.
    """
    with suppress(OSError):
        return _continue("POSIX", path.stat())
    return False


def _continue(kind: str, file: os.stat_result) -> bool:
    continued = False
    for pid in set(_holders(kind, file.st_ino)):
        with suppress(OSError):
            if _state(pid) == "T" and _has_open(pid, file):
                os.kill(pid, signal.SIGCONT)
                continued = True
    return continued


def _holders(kind: str, inode: int) -> Iterator[int]:
    """Yield the processes that hold a lock of this kind alone on a file of this number, of whatever file system."""
    for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
        match line.split():
            case [_, held, _, "WRITE", pid, place, *_] if held == kind and place.endswith(f":{inode}") and int(pid) > 0:
                yield int(pid)
            case _:
                pass


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]


def _has_open(pid: int, file: os.stat_result) -> bool:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if os.path.samestat(descriptor.stat(), file):
                return True
    return False


def _from_proc(pid: int) -> str | None:
    """Read state and start time, fields 3 and 22 of proc(5); a zombie has ended, though its parent has not looked."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _from_ps(pid: int) -> str | None:
    shown = subprocess.run(
        ["ps", "-o", "state=,lstart=", "-p", str(pid)],  # noqa: S607 - it is elsewhere on each system
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    state, _, started = shown.partition(" ")
    return None if not started or state.startswith("Z") else started.strip()
