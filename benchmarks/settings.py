"""How often and how much is measured."""

from collections.abc import Callable
from typing import NamedTuple


class Settings(NamedTuple):
    """What all measures are told."""

    runs: int = 3
    #: How much of each measure is done; less than all is only to see that it works.
    share: float = 1.0

    def each(self, measure: Callable[[], float]) -> list[float]:
        """Return what each run measures."""
        return [measure() for _ in range(self.runs)]

    def of(self, count: float) -> int:
        """Return what is done of so many, or of so many seconds or tasks; at least one."""
        return max(1, round(self.share * count))
