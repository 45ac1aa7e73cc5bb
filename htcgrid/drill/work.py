"""The drill's handler: it notes that it was begun, takes its time, and returns what can be checked."""

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from htcgrid_agent.runtimes.python.context import Context

#: As sessions and agents name it.
HANDLER = "htcgrid.drill.work:run"
#: Bytes of most answers; and of every so many-th one, so that results also go to the payload store.
_SMALL, _LARGE, _EVERY = 20, 20_000, 97


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One task's payload."""

    seed: int
    #: How long it takes: seconds.
    seconds: float = 0.0
    #: The folder where runs are noted by agents that have it.
    notes: str = ""


def answer(seed: int, index: int) -> str:
    """Return what the task of this position is to return."""
    size = _LARGE if index % _EVERY == _EVERY - 1 else _SMALL
    return hashlib.shake_256(f"{seed}/{index}".encode()).hexdigest(size)


def run(event: object, context: "Context") -> str:
    """Run a task of a drill."""
    task = msgspec.convert(event, Task)
    if task.notes:
        # Agents elsewhere, or of another user, have no such folder: what they run is not counted.
        with suppress(OSError):
            _note(Path(task.notes), context)
    time.sleep(task.seconds)
    return answer(task.seed, context.index)


def _note(folder: Path, context: "Context") -> None:
    """Add a line to the file of this process: what was written by one call is whole, whoever is killed when."""
    line = f"{context.index} {context.try_number} {context.worker} {os.getpid()} {time.time():.6f}\n"
    descriptor = os.open(folder / str(os.getpid()), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
