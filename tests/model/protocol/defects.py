"""The protocol with one rule changed, as somebody might who mends something else."""

from tests.model.protocol.rules import Rules
from tests.model.protocol.state import Agent, Bundle, Entry, Header, Look, SessionState


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


class NumbersStandStill(Rules):
    """All packs of a lease have one number."""

    def next_number(self, number: int) -> int:
        """The attempt tells them apart."""
        return number


class StateIsTheFence(Rules):
    """Whoever once held a bundle that is running holds it still."""

    def is_current(self, bundle: Bundle, attempt: int) -> bool:
        """It is running."""
        return bool(bundle.running)


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


class BlindCreate(Rules):
    """A repeated submit overwrites the bundles that are there."""

    def recorded(self, known: Bundle | None, bundle: Bundle) -> Bundle:
        """What is written last counts."""
        return bundle


class NotRecognisedByDigest(Rules):
    """A bundle that is there passes for the one that is submitted, whatever it holds."""

    def matches(self, known: Bundle, content: int) -> bool:
        """A name is enough."""
        return True


class TotalByIncrement(Rules):
    """A header's total grows by the number of tasks that are added."""

    def raised(self, total: int, stop: int, added: int) -> int:
        """Each call adds its own."""
        return total + added


class GrowsAfterCancel(Rules):
    """A cancelled session takes more tasks."""

    def may_grow(self, header: Header) -> bool:
        """Any header will do."""
        return True


class RepetitionRefused(Rules):
    """A session that is sealed refuses what it holds."""

    def is_there(self, header: Header, stop: int) -> bool:
        """It takes no more."""
        return False


class RecordsInAnyOrder(Rules):
    """The bundles of a call are recorded as it comes."""

    records_in_order = False


class HeaderBeforeRecords(Rules):
    """A total is raised before the bundles below it are recorded."""

    writes = ("inputs", "header", "records", "hints")


class InputsLast(Rules):
    """Payloads are put once the session is recorded."""

    writes = ("records", "header", "inputs", "hints")


class DeletedWithoutTombstone(Rules):
    """Bundles without a header are deleted, and their client may still create it."""

    buries = False


class TombstoneOverHeader(Rules):
    """A tombstone is put over a header that came meanwhile."""

    def may_bury(self, header: Header | None) -> bool:
        """There was none a moment ago."""
        return True


class TombstoneRevived(Rules):
    """A late create takes the place of a tombstone."""

    def may_create(self, header: Header | None) -> bool:
        """A tombstone is nothing."""
        return header is None or header.state >= SessionState.TOMBSTONE


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


class CarvedAsAsked(Rules):
    """What is given back is what was asked for, in the bundle or not."""

    def carved(self, bundle: Bundle, part: int) -> int:
        """The agent knows what it holds."""
        return part


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


class PackCollectedBeforeItsCommit(Rules):
    """A pack that no entry names is deleted, although its commit may be under way."""

    looks = ("entries",)


class EntriesLookedAtFirst(Rules):
    """A pack's entries are looked at before its bundle."""

    looks = ("entries", "bundle")


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
