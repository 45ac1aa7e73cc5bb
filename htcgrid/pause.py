"""Pauses of this thread that no clock of the process has a say in.

:func:`time.sleep` names the end by the monotonic clock, which libfaketime (0.9.10) moves with the other one, so that
the kernel refuses it: a process that is given a wrong clock would fail wherever it waits.
"""

import select
import subprocess
import time
from typing import Any

#: How often one looks whether a process has ended: seconds.
_LOOK = 0.0005
_LONGEST_LOOK = 0.05


def pause(seconds: float) -> None:
    """Let a time pass."""
    select.select((), (), (), max(0.0, seconds))


def has_ended(process: "subprocess.Popen[Any]", seconds: float) -> bool:
    """Return whether a process of this one has ended, for which one waits a while if it has not."""
    deadline, look = time.monotonic() + seconds, _LOOK
    while process.poll() is None:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        pause(min(look, left))
        look = min(2 * look, _LONGEST_LOOK)
    return True
