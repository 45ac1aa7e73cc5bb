"""What is asked of a grid, wherever it is used: whether it can be, and what its waiters are to see."""

from collections.abc import Callable
from typing import Self


def _nothing() -> None:
    pass


class Use:
    """Called before each request; it raises when the grid cannot be used any more."""

    def __init__(
        self,
        check: Callable[[], object] = _nothing,
        *,
        wait: Callable[[], object] | None = None,
        arrived: Callable[[], object] | None = None,
    ) -> None:
        self._check = check
        #: Called instead of a wait, where nobody may wait; it raises.
        self.wait = wait
        #: Called when somebody begins to look for outcomes, and when some have come, before anybody gets them.
        self.arrived = arrived or _nothing

    def __call__(self) -> None:
        """Raise when the grid cannot be used any more."""
        self._check()

    def also(self, check: Callable[[], object]) -> Self:
        """Return the same, for which ``check`` is called, too."""

        def both() -> None:
            self._check()
            check()

        return type(self)(both, wait=self.wait, arrived=self.arrived)
