"""The protocol with one rule changed, as somebody might who mends something else."""

from tests.model.protocol.rules import Rules
from tests.model.protocol.state import Agent, Bundle, Entry, Look


class ResetOnStateOnly(Rules):
    """A reaper makes pending whatever is running, changed or not."""

    def lapses(self, bundle: Bundle, look: Look) -> bool:
        """Only the state counts."""
        return bool(bundle.running)


class CommitOutsideTheRange(Rules):
    """A commit is accepted for tasks that were given back."""

    def accepted(self, bundle: Bundle, attempt: int, succeeded: int, failed: int) -> tuple[int, int]:
        """Only what has an outcome is refused."""
        wider = bundle._replace(held=-1)
        return super().accepted(wider, attempt, succeeded, failed)


class GiveBackWithoutTheFence(Rules):
    """A lease that lapsed gives back as well."""

    def may_give_back(self, bundle: Bundle, attempt: int) -> bool:
        """The state is enough."""
        return bool(bundle.running)


class ChildLostBetweenTwoWrites(Rules):
    """A parent is shrunk before its child is written."""

    carves_at_once = False


class StaleFailure(Rules):
    """A failure is accepted from a lease that lapsed."""

    def accepted(self, bundle: Bundle, attempt: int, succeeded: int, failed: int) -> tuple[int, int]:
        """Failures are like successes."""
        succeeded &= bundle.open
        return succeeded, failed & bundle.open & ~succeeded


class UnconditionalFailure(Rules):
    """The holder of a lease fails a task that has an outcome by now."""

    def accepted(self, bundle: Bundle, attempt: int, succeeded: int, failed: int) -> tuple[int, int]:
        """The holder of the lease is always right."""
        return succeeded & bundle.open & ~failed, failed if self.is_current(bundle, attempt) else 0


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


class ChildNamedLikeItsParent(Rules):
    """A child has its parent's birth."""

    def birth(self, bundle: Bundle, attempt: int) -> tuple[int, ...]:
        """A start is name enough."""
        return bundle.birth


class TriesForgotten(Rules):
    """What is given back starts with no tries."""

    def tries(self, known: int, told: int) -> int:
        """Tries are the agent's."""
        return 0
