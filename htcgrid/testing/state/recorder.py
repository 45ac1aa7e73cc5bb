"""A state store that remembers every call, for histories."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeVar

from htcgrid.errors import ConflictError
from htcgrid.interfaces import BEGINNING, StateStore
from htcgrid.model import AgentId, Bundle, BundleKey, Claim, Commit, Entry, GivenBack, Lease, Remainder, Session
from htcgrid.testing.state.history import (
    AddCall,
    Call,
    CancelCall,
    ClaimCall,
    CommitCall,
    DueCall,
    GiveBackCall,
    History,
    OutcomesCall,
    Period,
    RenewCall,
    StatusCall,
    hinted,
)

_Answer = TypeVar("_Answer")


class Recorder:
    """The verbs of a state store for one session, from any thread."""

    def __init__(self, store: StateStore, session: Session, bundles: Sequence[Bundle]) -> None:
        """Create the session with its first bundles."""
        self._store = store
        self._session = session
        #: Where each reader is.
        self._cursors: dict[int, str] = {}
        #: One entry a call, by an append, which threads can do at once.
        self._calls: list[Call] = []
        period, _ = _timed(partial(store.create, session, bundles))
        self._calls.append(AddCall(period=period, bundles=tuple(bundles)))

    def add(self, bundle: Bundle) -> None:
        """Add a bundle, which may be refused."""
        period, taken = _timed(partial(self._taken, bundle))
        self._calls.append(AddCall(period=period, bundles=(bundle,), taken=taken))

    def claim(self, keys: Sequence[BundleKey], agent: AgentId, lease: timedelta) -> list[Claim]:
        """Claim bundles; return those won."""
        period, won = _timed(partial(self._store.claim, keys, agent=agent, lease=lease))
        self._calls.append(ClaimCall(period=period, won=tuple(won)))
        return won

    def renew(self, leases: Sequence[Lease]) -> None:
        """Renew leases."""
        period, renewal = _timed(partial(self._store.renew, leases))
        self._calls.append(RenewCall(period=period, leases=tuple(leases), kept=tuple(renewal.kept)))

    def commit(self, commits: Sequence[Commit]) -> None:
        """Commit outcomes."""
        period, answers = _timed(partial(self._store.commit, commits))
        self._calls.append(CommitCall(period=period, commits=tuple(commits), answers=tuple(answers)))

    def give_back(self, lease: Lease, remainders: Sequence[Remainder]) -> GivenBack | None:
        """Give parts of a bundle back."""
        period, given = _timed(partial(self._store.give_back, lease, remainders))
        self._calls.append(GiveBackCall(period=period, lease=lease, remainders=tuple(remainders), given=given))
        return given

    def due(self, limit: int, *, dry: str | None = None) -> Sequence[BundleKey]:
        """Look at what is due; return the bundles of the session that are."""
        period, hints = _timed(partial(self._store.due, limit, dry=dry))
        keys = hinted(hints, self._session.id)
        self._calls.append(DueCall(period=period, hinted=keys))
        return keys

    def cancel(self) -> None:
        """Cancel the session."""
        period, [counts] = _timed(partial(self._store.cancel, [self._session.id]))
        self._calls.append(CancelCall(period=period, counts=counts))

    def status(self) -> None:
        """Look how far the session is."""
        period, [status] = _timed(partial(self._store.status, [self._session.id]))
        self._calls.append(StatusCall(period=period, status=status))

    def read_on(self, reader: int, limit: int) -> Sequence[Entry]:
        """Return the next page of a reader, who is to be in one thread at a time."""
        cursor = self._cursors.get(reader, BEGINNING)
        period, page = _timed(partial(self._store.outcomes, self._session.id, cursor, limit=limit))
        self._cursors[reader] = page.cursor
        self._calls.append(OutcomesCall(period=period, reader=reader, entries=tuple(page.entries)))
        return page.entries

    def history(self) -> History:
        """Return what was recorded, with the log and the status as they are now; readers read to the end before."""
        for reader in list(self._cursors):
            while self.read_on(reader, 100):
                pass
        entries, cursor = list[Entry](), BEGINNING
        while (page := self._store.outcomes(self._session.id, cursor)).entries:
            entries += page.entries
            cursor = page.cursor
        [status] = self._store.status([self._session.id])
        return History(session=self._session.id, calls=tuple(self._calls), entries=entries, status=status)

    def _taken(self, bundle: Bundle) -> bool:
        try:
            self._store.add(self._session.id, [bundle])
        except ConflictError:
            return False
        return True


def _timed(ask: Callable[[], _Answer]) -> tuple[Period, _Answer]:
    began = time.monotonic_ns()
    answer = ask()
    return Period(began, time.monotonic_ns()), answer
