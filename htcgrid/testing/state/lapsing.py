"""Clauses of lapses: how a bundle comes back from an agent that is not heard of any more."""

import pytest

from htcgrid.interfaces import StateStore
from htcgrid.model import BundleKey, LossCause
from htcgrid.testing.samples import bundles_of, commit_of, keys_of, session_of, tasks
from htcgrid.testing.state.clauses import Advance, StateClauses


class Lapsing(StateClauses):
    """A lease lapses when nothing was heard of its holder for a whole lease, and in no other way."""

    def test_a_bundle_whose_agent_is_silent_for_a_whole_lease_is_pending_again(
        self, store: StateStore, later: Advance
    ) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        assert keys_of(self.lapse(store, session, later)) == [claim.key]
        again = self.claim_one(store, session, agent="agent-2")
        assert (again.lease.attempt, again.open) == (2, tasks(0, 4))
        assert again.lease.nonce != claim.lease.nonce

    def test_a_bundle_does_not_lapse_before_its_time(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        self.due(store, session)
        later(self.lease * 0.8)
        assert self.due(store, session) == []
        assert self.claim(store, [claim.key], "agent-2") == []
        assert len(store.renew([claim.lease]).kept) == 1

    def test_an_agent_whose_beat_moves_does_not_lapse(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        lease = self.claim_one(store, session).lease
        for _ in range(4):
            self.due(store, session)
            later(self.lease * 0.6)
            [lease] = store.renew([lease]).kept
        assert self.due(store, session) == []
        assert store.commit([commit_of(lease, tasks(0, 4))])[0].accepted == tasks(0, 4)

    @pytest.mark.parametrize("verb", ["commit", "commit again", "give back"])
    def test_whatever_an_agent_does_under_its_lease_is_a_sign_of_life(
        self, store: StateStore, later: Advance, verb: str
    ) -> None:
        session = self.submit(store, (0, 9))
        lease = self.claim_one(store, session).lease
        for index in range(4):
            self.due(store, session)
            later(self.lease * 0.6)
            if verb == "give back":
                lease = self.kept(self.give_back(store, lease, tasks(8 - index, 9 - index)))
            else:
                done = tasks(index, index + 1) if verb == "commit" else tasks(0, 1)
                [answer] = store.commit([commit_of(lease, done, flush=index)])
                assert answer.lease is not None
                lease = answer.lease
        assert lease.key not in keys_of(self.due(store, session))
        assert len(store.renew([lease]).kept) == 1

    def test_a_silent_agent_takes_no_neighbour_along(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4), (4, 8))
        silent, alive = self.claim_one(store, session), self.claim_one(store, session, 4)
        self.due(store, session)
        later(self.lease * 0.6)
        [lease] = store.renew([alive.lease]).kept
        self.due(store, session)
        later(self.lease * 0.6)
        assert keys_of(self.due(store, session)) == [silent.key]
        assert len(store.renew([lease]).kept) == 1

    def test_a_lapsed_lease_is_lost_and_says_so(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        lease = self.claim_one(store, session).lease
        self.lapse(store, session, later)
        kept, lost = store.renew([lease])
        assert kept == []
        assert [(one.key, one.nonce, one.cause) for one in lost] == [(lease.key, lease.nonce, LossCause.LAPSED)]

    def test_a_lapsed_lease_stays_lost_when_another_agent_has_claimed(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        lease = self.claim_one(store, session).lease
        self.lapse(store, session, later)
        current = self.claim_one(store, session, agent="agent-2")
        assert [one.nonce for one in store.renew([lease, current.lease]).lost] == [lease.nonce]

    def test_lapses_of_several_open_tasks_are_counted(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        for lapses in range(3):
            claim = self.claim_one(store, session)
            assert (claim.lapses, claim.lapses_alone, claim.suspect) == (lapses, 0, lapses >= 2)
            self.lapse(store, session, later)

    def test_a_lapse_alone_is_counted_apart(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        self.claim_one(store, session)
        self.lapse(store, session, later)
        claim = self.claim_one(store, session)
        store.commit([commit_of(claim.lease, tasks(0, 3))])
        for alone in range(1, 4):
            self.lapse(store, session, later)
            again = self.claim_one(store, session)
            assert (again.lapses, again.lapses_alone) == (1, alone)

    def test_a_lapse_costs_no_try_and_no_outcome(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        first = self.claim_one(store, session)
        given = self.give_back(store, first.lease, tasks(3, 4))
        store.commit([commit_of(self.kept(given), tasks(0, 1))])
        self.lapse(store, session, later)
        again = self.claim_one(store, session)
        assert (again.open, again.tries) == (tasks(1, 3), {})
        assert store.status([session.id])[0].succeeded == 1

    def test_a_bundle_that_was_given_back_does_not_lapse(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        self.due(store, session)
        self.give_back(store, claim.lease, tasks(0, 4))
        later(self.lease * 1.1)
        assert self.due(store, session) == []
        again = self.claim_one(store, session)
        assert (again.lease.attempt, again.lapses, again.lapses_alone) == (2, 0, 0)

    def test_a_bundle_that_has_ended_does_not_lapse(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        self.due(store, session)
        store.commit([commit_of(claim.lease, tasks(0, 4))])
        later(self.lease * 1.1)
        assert self.due(store, session) == []
        assert store.status([session.id])[0].succeeded == 4

    def test_a_new_claim_has_a_whole_lease_of_its_own(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        first = self.claim_one(store, session)
        self.due(store, session)
        later(self.lease * 0.8)
        self.give_back(store, first.lease, tasks(0, 4))
        second = self.claim_one(store, session, agent="agent-2")
        self.due(store, session)
        later(self.lease * 0.8)
        assert self.due(store, session) == []
        assert len(store.renew([second.lease]).kept) == 1

    def test_250_bundles_lapse_at_once(self, store: StateStore, later: Advance) -> None:
        session = session_of()
        bundles = bundles_of(session, 250)
        store.create(session, bundles)
        self.claim(store, keys_of(bundles))
        assert set(keys_of(self.lapse(store, session, later))) == set(keys_of(bundles))
        assert len(self.claim(store, keys_of(bundles), "agent-2")) == 250

    def test_a_child_lapses_as_its_parent_does(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        given = self.give_back(store, claim.lease, tasks(2, 4))
        [child] = self.claim(store, keys_of(given.hints))
        assert set(keys_of(self.lapse(store, session, later))) == {claim.key, child.key}
        again = self.claim(store, [BundleKey(session.id, 0), child.key])
        assert [(one.open, one.lapses) for one in again] == [(tasks(0, 2), 1), (tasks(2, 4), 1)]
