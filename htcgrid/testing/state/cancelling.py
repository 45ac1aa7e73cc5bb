"""Clauses of cancel."""

import pytest

from htcgrid.errors import SessionNotFoundError
from htcgrid.interfaces import StateStore
from htcgrid.model import BundleKey, LossCause, Remainder, SessionState
from htcgrid.testing.samples import NOTHING, bundle_of, commit_of, keys_of, session_of, tasks
from htcgrid.testing.state.clauses import StateClauses


class Cancelling(StateClauses):
    """A cancel ends every task that has no outcome, and nothing comes after it."""

    def test_cancel_counts_exactly(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 9), (9, 12))
        claim = self.claim_one(store, session)
        store.commit([commit_of(claim.lease, tasks(0, 2), tasks(2, 3))])
        [counts] = store.cancel([session.id])
        assert (counts.session, counts.succeeded, counts.failed, counts.cancelled) == (session.id, 2, 1, 9)
        [status] = store.status([session.id])
        assert (status.state, status.total, status.finished) == (SessionState.CANCELLED, 12, True)
        assert (status.succeeded, status.failed, status.cancelled) == (2, 1, 9)

    def test_repeating_a_cancel_changes_nothing(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        store.commit([commit_of(claim.lease, tasks(0, 1))])
        store.cancel([session.id])
        status, entries = store.status([session.id]), self.read(store, session)
        [counts] = store.cancel([session.id])
        assert (counts.succeeded, counts.failed) == (1, 0)
        assert counts.cancelled in (0, 3)
        assert store.status([session.id]) == status
        assert self.read(store, session) == entries

    def test_a_session_that_had_finished_stays_as_it_was(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), sealed=True)
        claim = self.claim_one(store, session)
        store.commit([commit_of(claim.lease, tasks(0, 3), tasks(3, 4))])
        before = store.status([session.id])
        [counts] = store.cancel([session.id])
        assert (counts.succeeded, counts.failed, counts.cancelled) == (3, 1, 0)
        assert store.status([session.id]) == before

    def test_an_open_session_takes_no_more_tasks_although_none_was_left(self, store: StateStore) -> None:
        session = self.submit(store, (0, 2))
        claim = self.claim_one(store, session)
        store.commit([commit_of(claim.lease, tasks(0, 2))])
        [counts] = store.cancel([session.id])
        assert (counts.succeeded, counts.cancelled) == (2, 0)
        assert store.status([session.id])[0].state is SessionState.CANCELLED

    def test_an_empty_session_is_cancelled(self, store: StateStore) -> None:
        session = self.submit(store)
        [counts] = store.cancel([session.id])
        assert (counts.succeeded, counts.failed, counts.cancelled) == (0, 0, 0)
        assert store.status([session.id])[0].finished

    def test_nothing_is_committed_after_a_cancel(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        store.cancel([session.id])
        [answer] = store.commit([commit_of(claim.lease, tasks(0, 2), tasks(2, 3))])
        assert (answer.lease, answer.accepted, answer.refused) == (None, NOTHING, tasks(0, 3))
        assert answer.cancelled
        assert [entry for entry in self.read(store, session) if entry.parts] == []
        assert store.status([session.id])[0].cancelled == 4

    def test_nothing_is_claimed_after_a_cancel(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        store.cancel([session.id])
        assert self.claim(store, [BundleKey(session.id, 0)]) == []

    def test_nothing_is_given_back_after_a_cancel(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        store.cancel([session.id])
        assert store.give_back(claim.lease, [Remainder(ranges=tasks(2, 4))]) is None

    def test_leases_of_a_cancelled_session_are_lost_and_say_so(self, store: StateStore) -> None:
        session, other = self.submit(store, (0, 4)), self.submit(store, (0, 4))
        leases = [self.claim_one(store, one).lease for one in (session, other)]
        store.cancel([session.id])
        kept, lost = store.renew(leases)
        assert [lease.key.session for lease in kept] == [other.id]
        assert [(one.key, one.cause) for one in lost] == [(leases[0].key, LossCause.CANCELLED)]

    def test_a_batch_of_cancels_is_answered_in_order(self, store: StateStore) -> None:
        sessions = [self.submit(store, (0, size)) for size in (3, 1, 2)]
        counts = store.cancel([session.id for session in sessions])
        assert [(one.session, one.cancelled) for one in counts] == [
            (session.id, size) for session, size in zip(sessions, (3, 1, 2), strict=True)
        ]

    def test_250_sessions_are_cancelled_and_counted_in_one_call(self, store: StateStore) -> None:
        sessions = [self.submit(store, (0, 1 + number % 3)).id for number in range(250)]
        sizes = [1 + number % 3 for number in range(250)]
        assert [counts.cancelled for counts in store.cancel(sessions)] == sizes
        assert [status.cancelled for status in store.status(sessions)] == sizes

    def test_an_unknown_session_does_not_keep_the_others_from_being_cancelled(self, store: StateStore) -> None:
        sessions = [self.submit(store, (0, 3)) for _ in range(2)]
        with pytest.raises(SessionNotFoundError):
            store.cancel([sessions[0].id, session_of().id, sessions[1].id])
        states = [status.state for status in store.status([session.id for session in sessions])]
        assert states == [SessionState.CANCELLED, SessionState.CANCELLED]

    def test_a_cancel_leaves_other_sessions_alone(self, store: StateStore) -> None:
        session, other = self.submit(store, (0, 4)), self.submit(store, (0, 4))
        store.cancel([session.id])
        claim = self.claim_one(store, other)
        store.add(other.id, [bundle_of(other, 4, 6)])
        assert store.commit([commit_of(claim.lease, tasks(0, 4))])[0].accepted == tasks(0, 4)
        assert keys_of(self.due(store, other, dry=True)) == [BundleKey(other.id, 4)]
