"""Cancels and reads that see or write something else."""

from tests.model.protocol.records import Entry, Header
from tests.model.protocol.rules import Rules


class GrowsAfterCancel(Rules):
    """A cancelled session takes more tasks."""

    def may_grow(self, header: Header) -> bool:
        """Any header will do."""
        return True


class CancelOverwritesOutcome(Rules):
    """A closing entry is put at the tail that was read, whatever is there."""

    def closes(self, log: tuple[Entry, ...], tail: int) -> bool:
        """The tail was read."""
        return True


class HalfClosedStaysSo(Rules):
    """Only who cancels closes the logs."""

    def finishes_closing(self) -> bool:
        """It will come back."""
        return False


class CancelledToldEarly(Rules):
    """A reader tells the rest as cancelled as soon as the header says so."""

    def tells_cancelled(self, logs: tuple[tuple[Entry, ...], ...], positions: tuple[int, ...]) -> bool:
        """The header knows."""
        return True


class RestByMemory(Rules):
    """A reader tells as cancelled what it does not remember."""

    def rest(self, total: int, recorded: int, remembered: int) -> int:
        """What was not seen was cancelled."""
        return ((1 << total) - 1) & ~remembered


class HolesSkipped(Rules):
    """A reader takes the entries that it sees, and passes over one that it does not see yet."""

    waits_at_holes = False


class HeaderReadFirst(Rules):
    """A status reads the header before the logs, which grow meanwhile."""

    reads_header_last = False
