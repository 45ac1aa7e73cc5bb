"""A process of this machine, told from a later one that got the same number."""

import os
import subprocess
import sys
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
