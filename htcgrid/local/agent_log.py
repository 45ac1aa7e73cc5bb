"""The log of an agent that was started on this machine: a file that grows while the agent runs."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from htcgrid.pause import pause

#: How much of a file is read at once, from its end on.
_BLOCK = 1 << 16
#: Between two looks for what has been added: seconds.
_PAUSE = 0.1


class AgentLog:
    """Reads the last lines of a log, and those that come."""

    def __init__(self, file: Path, *, ended: Callable[[], bool]) -> None:
        self._file = file
        self._ended = ended

    def tail(self, count: int) -> Iterator[str]:
        """Yield the last lines, oldest first; reads no more of the file than they take."""
        with self._file.open("rb") as file:
            yield from _text(_tail(file, count))

    def follow(self, count: int) -> Iterator[str]:
        """Yield the last lines, and then those that are added until the agent has ended."""
        with self._file.open("rb") as file:
            # What is no whole line yet may go on.
            data = _tail(file, count)
            while True:
                ended = self._ended()
                data += file.read()
                whole, newline, data = data.rpartition(b"\n")
                yield from _text(whole + newline)
                if ended:
                    yield from _text(data)
                    return
                pause(_PAUSE)


def _tail(file: BinaryIO, count: int) -> bytes:
    """Return the bytes of the last lines, and leave the file at its end."""
    position = file.seek(0, os.SEEK_END)
    blocks: list[bytes] = []
    ends = 0
    # The last line's own end is no line's beginning.
    while position > 0 and ends <= count:
        size = min(_BLOCK, position)
        position -= size
        file.seek(position)
        blocks.append(file.read(size))
        ends += blocks[-1].count(b"\n")
    file.seek(0, os.SEEK_END)
    data = b"".join(reversed(blocks))
    return data[_beginning(data, count) :] if count > 0 else b""


def _beginning(data: bytes, count: int) -> int:
    """Return where the last ``count`` lines begin; 0 when there are no more than these."""
    # The last line's own end is no line's beginning.
    at = len(data) - 1
    for _ in range(count):
        at = data.rfind(b"\n", 0, max(0, at))
        if at < 0:
            return 0
    return at + 1


def _text(data: bytes) -> list[str]:
    # Not splitlines, which takes more for ends of lines than there are.
    return data.decode("utf-8", "replace").removesuffix("\n").split("\n") if data else []
