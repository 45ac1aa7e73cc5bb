"""Failures of many tasks in few lines: those that are equal are told once."""

import re
from collections.abc import Iterable

from htcgrid.findings.failed import FailedTask
from htcgrid.findings.phrasing import counted, shortened

#: Where an object stood in the memory of its process, which is another one in every worker.
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}\b")
#: Most tasks of a group that are named, and most groups that are kept apart.
_NAMED = 5
_GROUPS = 1000


class FailureGroup:
    """Tasks that failed alike: with one type of error and one message."""

    def __init__(self, first: FailedTask) -> None:
        self.first = first
        self.count = 0
        #: The first few.
        self.indexes: list[int] = []

    def add(self, task: FailedTask) -> None:
        """Count one more."""
        self.count += 1
        if task.index < self.first.index:
            self.first = task
        self.indexes = sorted([*self.indexes, task.index])[:_NAMED]

    def __str__(self) -> str:
        """Say it in a line, as ``17 tasks failed: ValueError: bad rate (tasks 3, 5, 8, 9, 12, …)``."""
        said = f"failed: {shortened(' '.join(f'{self.first.type}: {self.first.message}'.split()).removesuffix(':'))}"
        if self.count == 1:
            return f"task {self.first.index} {said}"
        more = ", …" if self.count > len(self.indexes) else ""
        return f"{self.count:,} tasks {said} (tasks {', '.join(map(str, self.indexes))}{more})"


class Failures:
    """Failed tasks by what they failed with; white space and places in memory aside. Takes any number of them."""

    def __init__(self, tasks: Iterable[FailedTask] = ()) -> None:
        self._groups: dict[tuple[str, str], FailureGroup] = {}
        self.count = 0
        for task in tasks:
            self.add(task)

    def add(self, task: FailedTask) -> None:
        """Take in one more."""
        self.count += 1
        alike = (task.type, _ADDRESS.sub("0x…", " ".join(task.message.split())))
        if alike in self._groups or len(self._groups) < _GROUPS:
            self._groups.setdefault(alike, FailureGroup(task)).add(task)

    def groups(self) -> list[FailureGroup]:
        """Return what is alike, that of most tasks first."""
        return sorted(self._groups.values(), key=lambda group: (-group.count, group.first.index))

    def lines(self, most: int = 5) -> list[str]:
        """Return a line for each of the first ``most`` groups, and one of how many more tasks failed."""
        groups = self.groups()
        left = self.count - sum(group.count for group in groups[:most])
        return [str(group) for group in groups[:most]] + ([f"{counted(left, 'more task')} failed"] if left else [])
