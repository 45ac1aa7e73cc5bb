"""What workers noted: every run of every task, also of those that nobody heard of."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    """One run of a task that was begun."""

    task: int
    tries: int
    #: The worker, as ``agent/number``, and the process that it was.
    worker: str
    pid: int
    #: When: seconds since the epoch.
    at: float

    @property
    def agent(self) -> str:
        """The agent that the worker belongs to."""
        return self.worker.rpartition("/")[0]


def read_notes(folder: Path) -> Iterator[Run]:
    """Yield the runs, those of each process in order."""
    for file in sorted(folder.iterdir()):
        for line in file.read_text(encoding="ascii").splitlines():
            task, tries, worker, pid, at = line.split()
            yield Run(int(task), int(tries), worker, int(pid), float(at))
