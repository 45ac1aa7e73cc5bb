"""Commits that accept or record something else."""

from tests.model.protocol.records import Bundle, Entry
from tests.model.protocol.rules import Rules
from tests.model.protocol.state import Agent


class CommitOutsideTheRange(Rules):
    """A commit is accepted for tasks that were given back."""

    def accepted(self, bundle: Bundle, attempt: int, succeeded: int, failed: int) -> tuple[int, int]:
        """Only what has an outcome is refused."""
        wider = bundle._replace(held=-1)
        return super().accepted(wider, attempt, succeeded, failed)


class UnconditionalFailure(Rules):
    """The holder of a lease fails a task that has an outcome by now."""

    def accepted(self, bundle: Bundle, attempt: int, succeeded: int, failed: int) -> tuple[int, int]:
        """The holder of the lease is always right."""
        return succeeded & bundle.open & ~failed, failed if self.is_current(bundle, attempt) else 0


class StaleFailure(Rules):
    """A failure is accepted from a lease that lapsed."""

    def accepted(self, bundle: Bundle, attempt: int, succeeded: int, failed: int) -> tuple[int, int]:
        """Failures are like successes."""
        succeeded &= bundle.open
        return succeeded, failed & bundle.open & ~succeeded


class CountedAsAsked(Rules):
    """A commit that is sent again counts again what it had recorded before."""

    def counts(self, accepted: int, asked: int) -> int:
        """The agent counts."""
        return asked.bit_count()


class AppendedBlindly(Rules):
    """An entry is put at the tail that the agent knows, whatever is there."""

    def appends(self, log: tuple[Entry, ...], tail: int) -> bool:
        """The agent knows the tail."""
        return True


class PackWithoutAttempt(Rules):
    """A pack is named by bundle and number alone."""

    def pack_name(self, agent: Agent) -> tuple[int, ...]:
        """Numbers start anew in each attempt."""
        return (agent.start, *agent.birth, -1, agent.flush)


class NumbersStandStill(Rules):
    """All packs of a lease have one number."""

    def next_number(self, number: int) -> int:
        """The attempt tells them apart."""
        return number
