"""Functions that users take along: what they capture shows in whatever they return."""

import zlib
from random import Random
from typing import Any

import msgspec

from tests.simulation.work import Work

#: How many bytes a function captures: so few that its calls carry it along, so many that it is put beside them once
#: there are some, and so many that it is put at once.
_CAPTURED = (100, 4_000, 70_000, 70_000)


class Boom(Exception):  # noqa: N818 - what handlers raise has this name, too
    """What a function raises; it says at which task."""


class Pricing:
    """A function that nobody finds by a name, as a closure is one; no two in a run capture the same."""

    def __init__(self, number: int, size: int) -> None:
        # Not of one letter only: what is altered, or of another function, is to be seen.
        self._curve = Random(number).randbytes(size)

    def __call__(self, event: dict[str, Any]) -> list[Any]:
        """Return what a task returns, and what says which function was called, and that it was whole."""
        return msgspec.convert(event, Work).returns(self.says)

    @property
    def says(self) -> int:
        """What it says in each result."""
        return zlib.crc32(self._curve) or 1


def pricing(random: Random) -> Pricing:
    """Return a function."""
    return Pricing(random.getrandbits(32), random.choice(_CAPTURED))
