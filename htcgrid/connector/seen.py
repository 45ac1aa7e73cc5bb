"""What was last seen of a session, so that a prompt or a notebook can show it and ask nobody."""

from typing import Self

import msgspec

from htcgrid.connector.collection import Collection
from htcgrid.model import SessionStatus


class Seen(msgspec.Struct, frozen=True):
    """Counts of tasks; None where nothing was seen yet."""

    total: int | None = None
    succeeded: int | None = None
    failed: int = 0
    cancelled: int = 0

    def __str__(self) -> str:
        counts = [] if self.total is None else [f"{self.total} {'task' if self.total == 1 else 'tasks'}"]
        counts += [] if self.ended is None else [f"{self.ended} ended"]
        counts += [f"{self.failed} failed"] if self.failed else []
        counts += [f"{self.cancelled} cancelled"] if self.cancelled else []
        return ", ".join(counts)

    @property
    def ended(self) -> int | None:
        """Tasks that had ended."""
        return None if self.succeeded is None else self.succeeded + self.failed + self.cancelled

    def told(self, status: SessionStatus) -> Self:
        """Return what is known after a status."""
        return self._newer(status.total, status.succeeded, status.failed, status.cancelled)

    def read(self, collection: Collection) -> Self:
        """Return what is known after a look at the log; a reader that began late knows less than was seen before."""
        total = self.total if collection.total is None else collection.total
        return self._newer(total, collection.succeeded, collection.failed, collection.cancelled)

    def _newer(self, total: int | None, succeeded: int, failed: int, cancelled: int) -> Self:
        if succeeded + failed + cancelled < (self.ended or 0):
            return self
        return type(self)(total, succeeded, failed, cancelled)
