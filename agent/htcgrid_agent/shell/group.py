"""The process group of a worker, which ends with its agent."""

import contextlib
import fcntl
import os
import signal
import sys


def end_group_with(descriptor: int, group: int) -> None:
    """Let the kernel kill a process group when the other end of the pipe behind ``descriptor`` is closed.

    Whatever the processes do then, as holding the interpreter's lock in a library, or being stopped: a thread of theirs
    could not kill them. Only Linux sends another signal than SIGIO (F_SETSIG in fcntl(2)); elsewhere the worker's own
    thread has to do.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, -group)
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_ASYNC)
