"""Clauses of due, as far as it finds what is pending."""

from datetime import timedelta

from htcgrid.interfaces import StateStore
from htcgrid.model import AgentId, BundleKey, Claim, Hint, Remainder
from htcgrid.testing.samples import bundle_of, bundles_of, commit_of, keys_of, new_id, session_of, tasks
from htcgrid.testing.state.clauses import MANY, Advance, StateClauses


class Hinting(StateClauses):
    """Whatever is pending is hinted again some day, however many hints are lost."""

    def test_the_backlog_is_hinted_when_the_queue_is_dry(self, store: StateStore) -> None:
        session = session_of(pool="big", priority=3)
        store.create(session, [bundle_of(session, 0, 4), bundle_of(session, 4, 9)])
        assert self.due(store, session) == []
        hints = sorted(self.due(store, session, dry=True), key=lambda hint: hint.key)
        assert [(hint.key.start, hint.pool, hint.priority, hint.tasks) for hint in hints] == [
            (0, "big", 3, 4),
            (4, "big", 3, 5),
        ]

    def test_the_backlog_of_a_pool_is_not_that_of_another(self, store: StateStore) -> None:
        quiet, busy = session_of(pool=new_id()), session_of(pool=new_id())
        store.create(busy, bundles_of(busy, 20))
        store.create(quiet, [bundle_of(quiet, 0, 4)])
        self.settle()
        assert [hint.key.session for hint in store.due(10, dry=quiet.pool)] == [quiet.id]
        assert {hint.key.session for hint in store.due(10, dry=busy.pool)} == {busy.id}
        assert store.due(10, dry=new_id()) == []

    def test_looking_at_the_backlog_does_not_change_it(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 9))
        looks = [set(keys_of(self.due(store, session, dry=True))) for _ in range(3)]
        assert [len(look) for look in looks] == [2, 2, 2]
        assert self.due(store, session) == []

    def test_what_was_claimed_is_not_in_the_backlog(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 9), (9, 12))
        claim = self.claim_one(store, session)
        self.claim_one(store, session, 4)
        store.commit([commit_of(claim.lease, tasks(0, 4))])
        assert [hint.key.start for hint in self.due(store, session, dry=True)] == [9]

    def test_the_backlog_comes_in_bites(self, store: StateStore) -> None:
        session = session_of()
        store.create(session, bundles_of(session, 30))
        won = 0
        while won < 30:
            self.settle()
            hints = store.due(10, dry=session.pool)
            assert 0 < len(hints) <= 10
            won += sum(claim.key.session == session.id for claim in self.claim(store, keys_of(hints)))

    def test_a_delayed_bundle_is_hinted_when_its_time_has_come(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        lease = self.claim_one(store, session).lease
        given = store.give_back(lease, [Remainder(ranges=tasks(2, 4), delay=self.lease / 2)])
        assert given is not None
        assert self.due(store, session) == []
        later(self.lease * 0.6)
        store.renew([self.kept(given)])
        assert keys_of(self.due(store, session)) == keys_of(given.hints)

    def test_a_delayed_bundle_is_not_in_the_backlog_before_its_time(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        lease = self.claim_one(store, session).lease
        given = store.give_back(lease, [Remainder(ranges=tasks(2, 4), delay=self.lease / 2)])
        assert given is not None
        assert self.due(store, session, dry=True) == []
        later(self.lease * 0.6)
        assert keys_of(self.due(store, session, dry=True)) == keys_of(given.hints)

    def test_a_delayed_bundle_whose_hint_was_lost_is_hinted_again(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        store.give_back(claim.lease, [Remainder(ranges=tasks(0, 4), delay=self.lease / 2)])
        later(self.lease * 0.6)
        assert keys_of(self.due(store, session)) == [claim.key]
        assert keys_of(self.due(store, session, dry=True)) == [claim.key]

    def test_a_pending_bundle_is_hinted_late_whatever_the_queue_holds(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        later(self.late * 0.9)
        assert self.due(store, session) == []
        later(self.late * 0.2)
        assert [hint.key.start for hint in self.due(store, session)] == [0]
        assert self.due(store, session) == []
        later(self.late * 2.5)
        assert [hint.key.start for hint in self.due(store, session)] == [0]

    def test_hints_of_what_was_begun_say_so(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4), (4, 8), (8, 12))
        lost, returned = (self.claim_one(store, session, start) for start in (0, 4))
        given = store.give_back(returned.lease, [Remainder(ranges=tasks(6, 8))])
        assert given is not None
        assert [hint.again for hint in given.hints] == [True]
        store.give_back(self.kept(given), [Remainder(ranges=tasks(4, 6))])
        assert [hint.again for hint in self.lapse(store, session, later) if hint.key == lost.key] == [True]
        backlog = {(hint.key.start, hint.again) for hint in self.due(store, session, dry=True)}
        assert backlog == {(0, True), (4, True), (6, True), (8, False)}

    def test_hints_of_what_lapsed_twice_say_that_it_is_suspect(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        for lapses in range(1, 4):
            lease = self.claim_one(store, session).lease
            [hint] = self.lapse(store, session, later)
            assert (hint.suspect, hint.again) == (lapses >= 2, True)
            [waiting] = self.due(store, session, dry=True)
            assert waiting == hint
        lease = self.claim_one(store, session).lease
        given = store.give_back(lease, [Remainder(ranges=tasks(2, 4)), Remainder(ranges=tasks(1, 2), lapses=0)])
        assert given is not None
        assert [(hint.suspect, hint.again) for hint in given.hints] == [(True, True), (False, True)]

    def test_a_limit_holds_and_the_rest_comes_with_the_next_look(self, store: StateStore, later: Advance) -> None:
        session = session_of()
        bundles = bundles_of(session, 30)
        store.create(session, bundles)
        self.claim(store, keys_of(bundles))
        self.settle()
        store.due(MANY)
        later(self.lease * 1.1)
        found = set[BundleKey]()
        while len(found) < 30:
            self.settle()
            hints = store.due(10)
            assert 0 < len(hints) <= 10
            found |= {claim.key for claim in self._claim_for_long(store, hints) if claim.key.session == session.id}

    def test_nothing_of_a_cancelled_or_deleted_session_is_hinted(self, store: StateStore, later: Advance) -> None:
        cancelled, deleted = self.submit(store, (0, 4), (4, 8)), self.submit(store, (0, 4), (4, 8))
        for session in (cancelled, deleted):
            self.claim_one(store, session)
        store.cancel([cancelled.id])
        store.delete(deleted.id)
        assert self.lapse(store, cancelled, later) == []
        assert self.due(store, cancelled, dry=True) == []
        assert self.due(store, deleted, dry=True) == []

    def _claim_for_long(self, store: StateStore, hints: list[Hint]) -> list[Claim]:
        return store.claim(keys_of(hints), agent=AgentId("agent-2"), lease=timedelta(hours=1))
