"""What the clauses of all themes need: time, a store, and short ways to say what happens in it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import ClassVar

import pytest

from htcgrid.interfaces import BEGINNING, StateStore
from htcgrid.model import AgentId, BundleKey, Claim, Entry, GivenBack, Hint, Lease, Ranges, Remainder, Session, defaults
from htcgrid.testing.clock import VirtualClock
from htcgrid.testing.contract import Contract
from htcgrid.testing.samples import bundle_of, session_of

Advance = Callable[[timedelta], None]

#: More hints than any clause, or all that ran before it in the same store, leaves behind.
MANY = 10_000


class StateClauses(Contract):
    """Give a fixture ``store``: an open state store, whose time is ``clock`` if it has none of its own.

    A store whose time cannot be given overrides the fixture ``advance`` with one that waits, and makes ``lease`` short.
    A store whose hints come late overrides :meth:`settle`. One store may serve all clauses, and other users too.
    """

    #: The length of a lease; all times in the clauses are parts or multiples of it.
    lease: ClassVar[timedelta] = timedelta(seconds=30)
    #: After this time a pending bundle is hinted whatever the queue holds.
    late: ClassVar[timedelta] = timedelta(minutes=10)
    #: After this time a session that was collected is to be collected once more.
    linger: ClassVar[timedelta] = defaults.LINGER
    #: Sequences of calls that are compared with the memory store's.
    examples: ClassVar[int] = 100
    #: Whether a sequence that shows a difference is cut to its shortest, which can take minutes.
    shrinks: ClassVar[bool] = True
    #: Threads of a history of calls at once, and the calls of each.
    threads: ClassVar[int] = 64
    steps: ClassVar[int] = 20

    @pytest.fixture
    def clock(self) -> VirtualClock:
        """Return the time of this clause."""
        return VirtualClock()

    @pytest.fixture
    def store(self, clock: VirtualClock) -> StateStore:
        """Return the store under test."""
        raise NotImplementedError(f"{type(self).__name__} must have a fixture `store` that returns an open StateStore")

    @pytest.fixture
    def advance(self) -> Advance:
        """Return what makes time pass in a store that does not read ``clock``: nothing, unless overridden."""
        return lambda _: None

    @pytest.fixture
    def later(self, clock: VirtualClock, advance: Advance) -> Advance:
        """Return what makes time pass, wherever the store has it from."""

        def pass_time(duration: timedelta) -> None:
            clock.advance(duration)
            advance(duration)

        return pass_time

    def settle(self) -> None:
        """Wait until what was written is seen by ``due``, ``sessions`` and ``expired``; at once, unless overridden."""

    def submit(self, store: StateStore, *bundles: tuple[int, int], sealed: bool = False) -> Session:
        """Record a new session with bundles of these tasks."""
        session = session_of()
        store.create(session, [bundle_of(session, start, stop) for start, stop in bundles], sealed=sealed)
        return session

    def claim(self, store: StateStore, keys: Sequence[BundleKey], agent: str = "agent-1") -> list[Claim]:
        """Claim for the clauses' lease."""
        return store.claim(keys, agent=AgentId(agent), lease=self.lease)

    def claim_one(self, store: StateStore, session: Session, start: int = 0, agent: str = "agent-1") -> Claim:
        """Claim the submitted bundle at ``start``, which must be claimable."""
        claims = self.claim(store, [BundleKey(session.id, start)], agent)
        assert len(claims) == 1, f"the bundle at {start} of {session.id} was not won"
        return claims[0]

    def claim_rest(self, store: StateStore, session: Session, agent: str = "agent-9") -> list[Claim]:
        """Claim every bundle of the session that is hinted when the queue is dry."""
        return self.claim(store, [hint.key for hint in self.due(store, session, dry=True)], agent)

    def due(self, store: StateStore, session: Session, *, dry: bool = False) -> list[Hint]:
        """Return the session's share of what is due, also of what waits when the queue of its pool is ``dry``."""
        self.settle()
        return [hint for hint in store.due(MANY, dry=session.pool if dry else None) if hint.key.session == session.id]

    def lapse(self, store: StateStore, session: Session, later: Advance) -> list[Hint]:
        """Let every lease of the session lapse, between two looks; return what is hinted by it."""
        self.due(store, session)
        later(self.lease * 1.1)
        return self.due(store, session)

    def give_back(self, store: StateStore, lease: Lease, *parts: Ranges) -> GivenBack:
        """Give back parts of a bundle, whose lease must be current."""
        given = store.give_back(lease, [Remainder(ranges=part) for part in parts])
        assert given is not None, f"the lease of {lease.key} is not current"
        return given

    def kept(self, given: GivenBack) -> Lease:
        """Return the lease that is left after a give-back, which must not have been of everything."""
        assert given.lease is not None, "the lease ended, although not everything was given back"
        return given.lease

    def read(self, store: StateStore, session: Session, cursor: str = BEGINNING, limit: int = 100) -> list[Entry]:
        """Return every entry behind ``cursor``, in pages of ``limit``."""
        entries: list[Entry] = []
        while (page := store.outcomes(session.id, cursor, limit=limit)).entries:
            entries += page.entries
            cursor = page.cursor
        return entries


def open_in(claims: Iterable[Claim]) -> list[int]:
    """Return every task that is open in ``claims``, as often as it is, in ascending order."""
    return sorted(index for claim in claims for index in claim.open)
