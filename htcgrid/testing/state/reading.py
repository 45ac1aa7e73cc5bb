"""Clauses of outcomes, status and sessions."""

from datetime import timedelta

from htcgrid.interfaces import BEGINNING, Entries, StateStore
from htcgrid.model import Ranges, Session, SessionId, SessionStatus
from htcgrid.testing.samples import bundle_of, bundles_of, commit_of, keys_of, new_id, session_of, succeeded_in, tasks
from htcgrid.testing.state.clauses import StateClauses


class Reading(StateClauses):
    """A reader gets every outcome once, from wherever it goes on, and knows when nothing will come."""

    def test_a_session_without_outcomes_has_an_empty_log(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        page = store.outcomes(session.id)
        assert (page.entries, page.closed) == ([], False)
        assert store.outcomes(session.id, page.cursor).entries == []

    def test_outcomes_of_a_bundle_come_in_the_order_of_commit(self, store: StateStore) -> None:
        session = self.submit(store, (0, 6))
        lease = self.claim_one(store, session).lease
        order = [3, 0, 5, 1, 4, 2]
        for flush, index in enumerate(order):
            store.commit([commit_of(lease, Ranges.single(index), flush=flush)])
        entries = self.read(store, session)
        assert [part.succeeded.first for entry in entries for part in entry.parts] == order
        assert [entry.committed for entry in entries] == sorted(entry.committed for entry in entries)

    def test_two_readers_each_see_every_outcome_once(self, store: StateStore) -> None:
        session = self.submit(store)
        cursors = [BEGINNING, BEGINNING]
        seen: list[list[int]] = [[], []]
        for start in range(0, 40, 2):
            store.add(session.id, [bundle_of(session, start, start + 2)])
            claim = self.claim_one(store, session, start)
            store.commit([commit_of(claim.lease, claim.open)])
            for reader in {0, start // 2 % 2}:
                page = store.outcomes(session.id, cursors[reader])
                cursors[reader] = page.cursor
                seen[reader] += succeeded_in(page.entries)
        seen[1] += succeeded_in(self.read(store, session, cursors[1]))
        assert sorted(seen[0]) == sorted(seen[1]) == list(range(40))

    def test_pages_of_any_size_hold_every_outcome_once(self, store: StateStore) -> None:
        session = self._ended(store, 30)
        for limit in (1, 2, 7, 29, 30, 31, 1000):
            assert succeeded_in(self.read(store, session, limit=limit)) == list(range(30))

    def test_a_reader_goes_on_from_any_cursor_that_it_ever_had(self, store: StateStore) -> None:
        session = self._ended(store, 20)
        cursor, before = BEGINNING, list[int]()
        while (page := store.outcomes(session.id, cursor, limit=3)).entries:
            assert sorted(before + succeeded_in(self.read(store, session, cursor))) == list(range(20))
            cursor = page.cursor
            before += succeeded_in(page.entries)

    def test_a_reader_at_the_end_sees_what_comes_after(self, store: StateStore) -> None:
        session = self.submit(store, (0, 1), (1, 2), (2, 3))
        cursor = BEGINNING
        for start in (0, 1, 2):
            claim = self.claim_one(store, session, start)
            store.commit([commit_of(claim.lease, claim.open)])
            page = store.outcomes(session.id, cursor, wait=timedelta(seconds=5))
            assert succeeded_in(page.entries) == [start]
            cursor = page.cursor
            assert store.outcomes(session.id, cursor).entries == []

    def test_the_log_of_a_finished_session_is_read_again_and_again(self, store: StateStore) -> None:
        session = self._ended(store, 5)
        store.seal(session.id, 5)
        assert self.read(store, session) == self.read(store, session)
        assert succeeded_in(self.read(store, session)) == [0, 1, 2, 3, 4]

    def test_a_cancelled_session_is_read_to_its_closing_entries(self, store: StateStore) -> None:
        session = self._ended(store, 6, more=2)
        store.cancel([session.id])
        for limit in (1, 2, 100):
            page = store.outcomes(session.id, limit=limit)
            entries = list(page.entries)
            while not page.closed:
                page = store.outcomes(session.id, page.cursor, limit=limit)
                assert page.entries or page.closed, "the log ended without its closing entries"
                entries += page.entries
            assert succeeded_in(entries) == list(range(6))
            assert any(entry.closing for entry in entries)
            assert store.outcomes(session.id, page.cursor) == Entries([], page.cursor, closed=True)

    def test_nothing_is_closed_while_outcomes_may_come(self, store: StateStore) -> None:
        session = self._ended(store, 6, more=2)
        cursor = BEGINNING
        while (page := store.outcomes(session.id, cursor, limit=2)).entries:
            assert not page.closed
            assert not any(entry.closing for entry in page.entries)
            cursor = page.cursor
        assert not page.closed

    def test_a_log_is_of_one_session_only(self, store: StateStore) -> None:
        first, second = self._ended(store, 3), self._ended(store, 5)
        assert succeeded_in(self.read(store, first)) == [0, 1, 2]
        assert succeeded_in(self.read(store, second)) == [0, 1, 2, 3, 4]

    def test_an_id_that_begins_as_another_one_is_another_one(self, store: StateStore) -> None:
        short = self._ended(store, 2)
        for end in ("0", "-1", ".1"):
            longer = session_of(id=SessionId(short.id + end))
            store.create(longer, [bundle_of(longer, 0, 9)])
        assert store.status([short.id])[0].total == 2
        assert succeeded_in(self.read(store, short)) == [0, 1]
        assert store.status([SessionId(f"{short.id}-1")])[0].succeeded == 0

    def test_status_is_answered_in_the_order_asked(self, store: StateStore) -> None:
        sessions = [self.submit(store, (0, size)) for size in (3, 1, 2)]
        asked = [sessions[index].id for index in (2, 0, 1, 0)]
        assert [status.total for status in store.status(asked)] == [2, 3, 1, 3]

    def test_counts_are_those_of_the_log(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 8), (8, 12))
        for start in (0, 4, 8):
            claim = self.claim_one(store, session, start)
            store.commit([commit_of(claim.lease, tasks(start, start + 2), tasks(start + 2, start + 3))])
        parts = [part for entry in self.read(store, session) for part in entry.parts]
        [status] = store.status([session.id])
        assert status.succeeded == sum(part.succeeded.count for part in parts) == 6
        assert status.failed == sum(part.failed.count for part in parts) == 3

    def test_sessions_are_listed_newest_first(self, store: StateStore) -> None:
        sessions = self._one_a_minute(store, 5)
        listed = [status.session.id for status in self._listed(store, 100) if status.session in sessions]
        assert listed == [session.id for session in reversed(sessions)]

    def test_pages_of_sessions_hold_each_once(self, store: StateStore) -> None:
        sessions = {session.id for session in self._one_a_minute(store, 7)}
        for limit in (1, 3, 7, 100):
            listed = [status.session.id for status in self._listed(store, limit) if status.session.id in sessions]
            assert sorted(listed) == sorted(sessions)

    def test_sessions_are_listed_with_their_status(self, store: StateStore) -> None:
        session = self._ended(store, 3, more=2)
        [listed] = [status for status in self._listed(store, 100) if status.session.id == session.id]
        assert [listed] == store.status([session.id])

    def _ended(self, store: StateStore, count: int, *, more: int = 0) -> Session:
        """Return a session with ``count`` bundles whose one task has ended, one commit each, and ``more`` pending."""
        session = session_of(id=new_id())
        bundles = bundles_of(session, count + more)
        store.create(session, bundles)
        for claim in self.claim(store, keys_of(bundles[:count])):
            store.commit([commit_of(claim.lease, claim.open)])
        return session

    def _one_a_minute(self, store: StateStore, count: int) -> list[Session]:
        first = session_of().created
        sessions = [session_of(created=first + timedelta(minutes=number)) for number in range(count)]
        for session in sessions:
            store.create(session)
        return sessions

    def _listed(self, store: StateStore, limit: int) -> list[SessionStatus]:
        self.settle()
        page = store.sessions(limit=limit)
        listed = list(page.sessions)
        while page.cursor is not None:
            page = store.sessions(page.cursor, limit=limit)
            assert len(page.sessions) <= limit
            listed += page.sessions
        return listed
