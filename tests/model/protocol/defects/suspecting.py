"""Suspects that are treated in another way."""

from tests.model.protocol.records import Bundle
from tests.model.protocol.rules import Rules


class LapsesAloneNotCounted(Rules):
    """A lapse is a lapse, however many tasks are open."""

    def counts_alone(self, bundle: Bundle) -> bool:
        """One count is enough."""
        return False


class NeighboursPay(Rules):
    """Each lapse counts against all tasks that are open."""

    def counts_alone(self, bundle: Bundle) -> bool:
        """One count is enough."""
        return True


class NeverIsolated(Rules):
    """A suspect bundle that lapses again is run as before."""

    def isolated(self, lapses: int, suspect: int) -> bool:
        """Order is enough."""
        return False


class RunBesideIsolation(Rules):
    """The first task of a suspect bundle runs while the rest is being given back."""

    isolates_first = False
