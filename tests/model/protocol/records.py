"""The records of the stores.

A set of tasks is a number whose bit ``n`` stands for task ``n``. Everything is a tuple of numbers and tuples, so that
states can be compared, hashed and sorted.
"""

from enum import IntEnum
from typing import NamedTuple

#: A bundle's start and birth.
Key = tuple[int, tuple[int, ...]]


class SessionState(IntEnum):
    """What a header says; a tombstone is only a name that is not to be used again."""

    OPEN = 0
    SEALED = 1
    CANCELLED = 2
    TOMBSTONE = 3
    COLLECTED = 4


class Header(NamedTuple):
    """The session's own record."""

    state: int
    total: int


class Bundle(NamedTuple):
    """A bundle's record."""

    start: int
    birth: tuple[int, ...]
    #: The first task of the submitted bundle that it descends from.
    root: int
    #: The tasks that are in it, and those of them that have an outcome.
    held: int
    done: int = 0
    running: int = 0
    attempt: int = 0
    lapses: int = 0
    alone: int = 0
    #: Tasks that have a try behind them; the policy allows two.
    tried: int = 0
    delayed: int = 0
    #: Stands for the digest of the payloads.
    content: int = 0

    @property
    def key(self) -> Key:
        """Its name."""
        return self.start, self.birth

    @property
    def open(self) -> int:
        """The tasks in it without an outcome."""
        return self.held & ~self.done


class Pack(NamedTuple):
    """An outcome pack: the name it is stored under, then what it holds, which stands for its digest."""

    name: tuple[int, ...]
    attempt: int
    succeeded: int
    failed: int


class Entry(NamedTuple):
    """An entry of a log."""

    succeeded: int
    failed: int
    #: Cumulative counts of the log.
    successes: int
    failures: int
    pack: Pack | None = None
    #: Whether a failure came from a lease that was not current.
    stale: int = 0
    closing: int = 0
    #: Of a closing entry: the session's total.
    total: int = 0
