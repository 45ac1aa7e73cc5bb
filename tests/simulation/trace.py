"""What happened in a run, as a digest to compare runs by, and its last lines to read."""

import hashlib
from collections import deque


class Trace:
    """Every store call and everything that was done to a process, in order."""

    def __init__(self, *, keep: int | None = 60) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        #: The last lines, or all of them.
        self.lines: deque[str] = deque(maxlen=keep)

    def note(self, now: float, *words: object) -> None:
        """Add a line."""
        line = f"{now:12.6f} {' '.join(map(str, words))}"
        self._digest.update(line.encode())
        self.lines.append(line)

    @property
    def digest(self) -> str:
        """What two runs have in common only when the same happened in both."""
        return self._digest.hexdigest()
