"""When a worker has done enough, and asks for a successor."""

import os
import resource
import sys
from pathlib import Path


class Wear:
    """Counts tasks and looks at the memory, as far as there are limits."""

    def __init__(self, tasks: int | None, memory: int | None) -> None:
        #: Tasks that may still be run.
        self._left = tasks
        self._memory = memory
        #: Whether the process is to do nothing more.
        self.spent = False

    def bound(self, payloads: list[bytes]) -> list[bytes]:
        """Return as many of a run's payloads as may still be run; the agent takes the others back."""
        return payloads if self._left is None else payloads[: self._left]

    def count(self, tasks: int) -> None:
        """Note that tasks were run."""
        if self._left is not None:
            self._left -= tasks

    @property
    def full(self) -> bool:
        """Whether the process holds more memory than it may, or has run out of it."""
        return self.spent or (self._memory is not None and _resident() > self._memory)

    @property
    def worn(self) -> bool:
        """Whether the process is to be replaced."""
        return (self._left is not None and self._left <= 0) or self.full


def _resident() -> int:
    """Return the bytes of memory that this process holds; where that cannot be had, the most that it ever held."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
