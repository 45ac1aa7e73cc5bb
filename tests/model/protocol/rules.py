"""The rules of the protocol, one a method, so that a seeded defect changes just one of them."""

from tests.model.protocol.records import Bundle, Entry, Header, SessionState
from tests.model.protocol.state import Agent, Look
from tests.model.protocol.store import first, is_closed


class Rules:
    """What DESIGN.md calls safety, as it is meant."""

    #: What a client writes for each call, in this order.
    writes: tuple[str, ...] = ("inputs", "records", "header", "hints")
    #: Whether the bundles of a call are recorded in the order of their tasks.
    records_in_order = True
    #: What a collector looks at before it deletes a pack, in this order.
    looks: tuple[str, ...] = ("bundle", "entries")
    #: Whether parent and child are written in one atomic step.
    carves_at_once = True
    #: Whether the rest of a suspect bundle is given back before its first task runs.
    isolates_first = True
    #: Whether bundles without a header wait for a tombstone before they go.
    buries = True
    #: Whether a status reads the logs first and the header last.
    reads_header_last = True
    #: Whether a reader stops where an entry is not to be seen yet.
    waits_at_holes = True

    def recorded(self, known: Bundle | None, bundle: Bundle) -> Bundle:
        """A bundle is created only if it is not there."""
        return known or bundle

    def matches(self, known: Bundle, content: int) -> bool:
        """A bundle that is there is recognised by its digest."""
        return known.content == content

    def raised(self, total: int, stop: int, added: int) -> int:
        """A total grows to where the new bundles end, whoever raised it before."""
        return max(total, stop)

    def may_grow(self, header: Header) -> bool:
        """Only an open session grows."""
        return header.state == SessionState.OPEN

    def is_there(self, header: Header, stop: int) -> bool:
        """What lies below the total was accepted before, whatever the state is now."""
        return header.total >= stop

    def may_create(self, header: Header | None) -> bool:
        """A header is created only if there is none, not even a tombstone."""
        return header is None

    def may_bury(self, header: Header | None) -> bool:
        """A tombstone is created only if there is no header."""
        return header is None

    def claimable(self, header: Header | None, bundle: Bundle) -> bool:
        """A bundle can be claimed once it lies below the total of a session that is open or sealed."""
        if header is None or header.state > SessionState.SEALED:
            return False
        return bundle.held.bit_length() <= header.total

    def wins(self, bundle: Bundle) -> bool:
        """Only a pending bundle whose time has come is won."""
        return not bundle.running and bool(bundle.open) and not bundle.delayed

    def attempted(self, attempt: int) -> int:
        """Each claim is another attempt, which is its fence."""
        return attempt + 1

    def lapses(self, bundle: Bundle, look: Look) -> bool:
        """A lease lapses when (attempt, beat) is as it was seen."""
        return bool(bundle.running and look.fresh)

    def counts_alone(self, bundle: Bundle) -> bool:
        """Lapses with one open task and lapses with several are counted apart."""
        return bundle.open == first(bundle.open)

    def isolated(self, lapses: int, suspect: int) -> bool:
        """A suspect bundle that lapsed again is not run with its neighbours."""
        return lapses > suspect

    def hints_again(self, bundle: Bundle) -> bool:
        """A pending bundle whose hint was lost is hinted again."""
        return True

    def is_current(self, bundle: Bundle, attempt: int) -> bool:
        """A lease is current while its fence is that of the record."""
        return bool(bundle.running) and bundle.attempt == attempt

    def accepted(self, bundle: Bundle, attempt: int, succeeded: int, failed: int) -> tuple[int, int]:
        """Tasks in the bundle and without an outcome are accepted; of a lease that is not current only successes."""
        succeeded &= bundle.open
        failed = failed & bundle.open & ~succeeded if self.is_current(bundle, attempt) else 0
        return succeeded, failed

    def appends(self, log: tuple[Entry, ...], tail: int) -> bool:
        """An entry is created only if there is none of its number."""
        return len(log) == tail

    def counts(self, accepted: int, asked: int) -> int:
        """What an entry adds to the counts is what it accepted."""
        return accepted.bit_count()

    def pack_name(self, agent: Agent) -> tuple[int, ...]:
        """A pack's name holds bundle, attempt and number."""
        return (agent.start, *agent.birth, -1, agent.attempt, agent.flush)

    def next_number(self, number: int) -> int:
        """Each pack of a lease has a number of its own, so that one name never stands for two contents."""
        return number + 1

    def may_give_back(self, bundle: Bundle, attempt: int) -> bool:
        """Only the holder of the current lease gives back."""
        return self.is_current(bundle, attempt)

    def carved(self, bundle: Bundle, part: int) -> int:
        """What is given back is what is still in the bundle and without an outcome."""
        return part & bundle.open

    def birth(self, bundle: Bundle, attempt: int) -> tuple[int, ...]:
        """A child is named by its parent's birth and attempt, as it may start where its parent does."""
        return (*bundle.birth, attempt)

    def tries(self, known: int, told: int) -> int:
        """What is given back keeps its tries."""
        return known | told

    def closes(self, log: tuple[Entry, ...], tail: int) -> bool:
        """A closing entry is created only if there is no entry of its number."""
        return len(log) == tail

    def finishes_closing(self) -> bool:
        """Whoever meets a half-closed session closes the rest."""
        return True

    def tells_cancelled(self, logs: tuple[tuple[Entry, ...], ...], positions: tuple[int, ...]) -> bool:
        """Tasks are told as cancelled once every log's closing entry was read."""
        read = (log[:position] for log, position in zip(logs, positions, strict=True))
        return all(is_closed(log) for log in read)

    def rest(self, total: int, recorded: int, remembered: int) -> int:
        """Cancelled is what is in no log."""
        return ((1 << total) - 1) & ~recorded
