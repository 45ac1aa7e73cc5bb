"""Clauses of delete, expired and collect."""

import contextlib
from datetime import UTC, datetime

import pytest

from htcgrid.errors import ConflictError, HtcGridError, SessionNotFoundError
from htcgrid.interfaces import StateStore
from htcgrid.model import BundleKey, Ranges, Remainder, Session, SessionId
from htcgrid.testing.samples import bundle_of, bundles_of, commit_of, keys_of, session_of, tasks
from htcgrid.testing.state.clauses import MANY, Advance, StateClauses


class Collecting(StateClauses):
    """A session that was deleted is gone for good; what is kept is kept for as long as it says."""

    def test_a_deleted_session_is_not_found(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        store.delete(session.id)
        verbs = (
            lambda: store.add(session.id, [bundle_of(session, 4, 5)]),
            lambda: store.seal(session.id, 4),
            lambda: store.status([session.id]),
            lambda: store.cancel([session.id]),
            lambda: store.outcomes(session.id),
        )
        for verb in verbs:
            with pytest.raises(SessionNotFoundError):
                verb()

    def test_a_deleted_session_is_not_listed(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        store.delete(session.id)
        self.settle()
        assert session.id not in {status.session.id for status in store.sessions().sessions}

    def test_a_deleted_session_does_not_run(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 8))
        lease = self.claim_one(store, session).lease
        store.delete(session.id)
        [answer] = store.commit([commit_of(lease, tasks(0, 4))])
        assert (answer.lease, answer.accepted, answer.refused) == (None, Ranges(), tasks(0, 4))
        assert self.claim(store, [BundleKey(session.id, 4)]) == []
        assert store.give_back(lease, [Remainder(ranges=tasks(0, 2))]) is None
        kept, lost = store.renew([lease])
        assert (kept, [one.key for one in lost]) == ([], [lease.key])

    def test_a_tombstone_is_never_created_again(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        store.delete(session.id)
        for _ in range(2):
            with pytest.raises(ConflictError):
                store.create(session, [bundle_of(session, 0, 4)])
        assert self.claim(store, [BundleKey(session.id, 0)]) == []

    def test_repeating_a_delete_changes_nothing(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        store.delete(session.id)
        store.delete(session.id)
        self._collect(store, session.id)
        store.delete(session.id)
        with pytest.raises(ConflictError):
            store.create(session)

    def test_a_deleted_session_is_to_be_collected(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        store.delete(session.id)
        assert self._expired(store, session)

    def test_a_tombstone_is_to_be_collected_until_it_was_collected_to_its_end(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 8), (8, 12))
        claim = self.claim_one(store, session)
        store.commit([commit_of(claim.lease, claim.open)])
        store.delete(session.id)
        while not store.collect(session.id, 1):
            assert self._expired(store, session)
        assert not self._expired(store, session)
        store.delete(session.id)
        assert not self._expired(store, session)

    @pytest.mark.parametrize("end", ["open", "sealed"])
    def test_a_tombstone_without_records_is_to_be_collected_too(self, store: StateStore, end: str) -> None:
        session = self.submit(store, sealed=end == "sealed")
        store.delete(session.id)
        assert self._expired(store, session)
        self._collect(store, session.id)
        assert not self._expired(store, session)

    def test_a_collected_session_is_to_be_collected_once_more_for_what_came_late(
        self, store: StateStore, later: Advance
    ) -> None:
        session = self.submit(store, (0, 4), (4, 8))
        store.delete(session.id)
        self._collect(store, session.id)
        later(self.linger * 0.9)
        assert not self._expired(store, session)
        later(self.linger * 0.2)
        for _ in range(2):
            assert self._expired(store, session), "whoever collects may break off after the payloads"
        self._collect(store, session.id)
        for _ in range(2):
            assert not self._expired(store, session)
            later(self.linger * 1.1)
        with pytest.raises(ConflictError):
            store.create(session)

    def test_collecting_again_before_its_time_is_not_the_second_collection(
        self, store: StateStore, later: Advance
    ) -> None:
        session = self.submit(store, (0, 4))
        store.delete(session.id)
        self._collect(store, session.id)
        assert store.collect(session.id, 100)
        later(self.linger * 0.6)
        assert store.collect(session.id, 100)
        assert not self._expired(store, session)
        later(self.linger * 0.6)
        assert self._expired(store, session)

    def test_deleting_a_collected_session_changes_nothing(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        store.delete(session.id)
        self._collect(store, session.id)
        later(self.linger * 0.6)
        store.delete(session.id)
        assert not self._expired(store, session)
        later(self.linger * 0.6)
        assert self._expired(store, session)
        self._collect(store, session.id)
        store.delete(session.id)
        later(self.linger * 1.1)
        assert not self._expired(store, session)

    def test_collecting_what_is_collected_or_was_never_there_is_fine(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        store.delete(session.id)
        self._collect(store, session.id)
        assert store.collect(session.id, 100)
        assert store.collect(session_of().id, 100)

    def test_a_collected_session_leaves_a_tombstone(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, 30)
        store.create(session, bundles)
        for claim in self.claim(store, keys_of(bundles[:10])):
            store.commit([commit_of(claim.lease, claim.open)])
        store.delete(session.id)
        self._collect(store, session.id)
        with pytest.raises(ConflictError):
            store.create(session, bundles)
        with pytest.raises(SessionNotFoundError):
            store.outcomes(session.id)

    def test_collecting_one_session_leaves_the_others(self, store: StateStore) -> None:
        gone, kept = self.submit(store, (0, 4)), self.submit(store, (0, 4))
        store.delete(gone.id)
        self._collect(store, gone.id)
        assert self.claim_one(store, kept).open == tasks(0, 4)

    def test_nothing_is_collected_of_a_session_that_lives(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        with contextlib.suppress(HtcGridError):
            store.collect(session.id, 100)
        assert store.status([session.id])[0].total == 4
        assert self.claim_one(store, session).open == tasks(0, 4)

    @pytest.mark.parametrize("end", ["commit", "cancel"])
    def test_a_finished_session_is_kept_as_long_as_it_says(self, store: StateStore, later: Advance, end: str) -> None:
        session = session_of(keep_for=self.lease * 2)
        store.create(session, [bundle_of(session, 0, 2)], sealed=True)
        later(self.lease * 2.2)
        claim = self.claim_one(store, session)
        if end == "commit":
            store.commit([commit_of(claim.lease, claim.open)])
        else:
            store.cancel([session.id])
        assert not self._expired(store, session)
        later(self.lease)
        assert not self._expired(store, session)
        assert store.status([session.id])[0].finished
        later(self.lease * 1.2)
        assert self._expired(store, session)
        with pytest.raises(SessionNotFoundError):
            store.status([session.id])

    @pytest.mark.parametrize("year", [1971, 2199])
    def test_a_client_whose_clock_is_wrong_loses_nothing(self, store: StateStore, later: Advance, year: int) -> None:
        session = session_of(created=datetime(year, 1, 1, tzinfo=UTC), keep_for=self.lease * 2)
        store.create(session, [bundle_of(session, 0, 2)], sealed=True)
        assert [hint.key.start for hint in self.due(store, session, dry=True)] == [0]
        store.commit([commit_of(self.claim_one(store, session).lease, tasks(0, 2))])
        later(self.lease)
        assert not self._expired(store, session)
        assert store.status([session.id])[0].succeeded == 2
        later(self.lease * 1.2)
        assert self._expired(store, session)

    def test_a_session_that_has_not_finished_does_not_expire(self, store: StateStore, later: Advance) -> None:
        pending = session_of(keep_for=self.lease)
        still_open = session_of(keep_for=self.lease)
        store.create(pending, [bundle_of(pending, 0, 2)], sealed=True)
        store.create(still_open, [bundle_of(still_open, 0, 2)])
        claim = self.claim_one(store, still_open)
        store.commit([commit_of(claim.lease, claim.open)])
        for _ in range(2):
            later(self.lease * 1.5)
            assert not self._expired(store, pending)
            assert not self._expired(store, still_open)
        store.add(still_open.id, [bundle_of(still_open, 2, 3)])

    def _expired(self, store: StateStore, session: Session) -> bool:
        self.settle()
        return session.id in store.expired(MANY)

    def _collect(self, store: StateStore, session_id: SessionId) -> None:
        """Collect a few records at a time, which must come to an end."""
        assert any(store.collect(session_id, 7) for _ in range(100)), "after 100 rounds there is still more to collect"
