"""Leases that are won, kept and lost in another way."""

from tests.model.protocol.records import Bundle, Header, SessionState
from tests.model.protocol.rules import Rules
from tests.model.protocol.state import Look


class NoHintForUnhinted(Rules):
    """Nobody hints again what was hinted once."""

    def hints_again(self, bundle: Bundle) -> bool:
        """The queue keeps them."""
        return False


class ClaimOfCancelled(Rules):
    """A bundle of a session that is over can be claimed."""

    def claimable(self, header: Header | None, bundle: Bundle) -> bool:
        """Only the total counts."""
        return header is not None and bundle.held.bit_length() <= header.total


class ClaimAboveTheTotal(Rules):
    """A bundle can be claimed before its session's total covers it."""

    def claimable(self, header: Header | None, bundle: Bundle) -> bool:
        """Only the state counts."""
        return header is not None and header.state <= SessionState.SEALED


class ClaimOfRunning(Rules):
    """A claim wins what another holds."""

    def wins(self, bundle: Bundle) -> bool:
        """Whoever comes last has it."""
        return bool(bundle.open) and not bundle.delayed


class ClaimWithoutAttempt(Rules):
    """A claim leaves the fence as it was."""

    def attempted(self, attempt: int) -> int:
        """There is one fence for all."""
        return 1


class StateIsTheFence(Rules):
    """Whoever once held a bundle that is running holds it still."""

    def is_current(self, bundle: Bundle, attempt: int) -> bool:
        """It is running."""
        return bool(bundle.running)


class ResetOnStateOnly(Rules):
    """A reaper makes pending whatever is running, changed or not."""

    def lapses(self, bundle: Bundle, look: Look) -> bool:
        """Only the state counts."""
        return bool(bundle.running)
