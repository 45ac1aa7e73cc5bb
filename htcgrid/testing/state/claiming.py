"""Clauses of claim and renew."""

from htcgrid.interfaces import StateStore
from htcgrid.model import BundleKey, LossCause, Ranges, defaults
from htcgrid.testing.samples import bundle_of, bundles_of, commit_of, keys_of, session_of, tasks
from htcgrid.testing.state.clauses import Advance, StateClauses


class Claiming(StateClauses):
    """A claim wins a pending bundle for one agent, and every claim has a fence of its own."""

    def test_a_claim_tells_all_that_an_agent_needs(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 9))
        claim = self.claim_one(store, session, 4, agent="agent-7")
        assert claim.key == BundleKey(session.id, 4)
        assert (claim.lease.agent, claim.lease.attempt) == ("agent-7", 1)
        assert (claim.session, claim.input, claim.first) == (session, bundle_of(session, 4, 9).input, 4)
        assert (claim.open, claim.tries, claim.lapses, claim.lapses_alone) == (tasks(4, 9), {}, 0, 0)

    def test_a_claimed_bundle_is_not_claimed_again(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        assert self.claim(store, [claim.key], "agent-2") == []
        assert self.claim(store, [claim.key], "agent-1") == []

    def test_a_key_that_is_named_twice_is_won_once(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        assert len(self.claim(store, [BundleKey(session.id, 0)] * 3)) == 1

    def test_keys_that_are_not_there_are_passed_over(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        keys = [
            BundleKey(session_of().id, 0),
            BundleKey(session.id, 2),
            BundleKey(session.id, 0, "abc"),
            BundleKey(session.id, 0),
        ]
        assert [claim.key for claim in self.claim(store, keys)] == [BundleKey(session.id, 0)]

    def test_a_claim_leaves_the_neighbours_alone(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 8), (8, 12))
        self.claim_one(store, session, 4)
        assert len(self.claim(store, [BundleKey(session.id, start) for start in (0, 4, 8)])) == 2

    def test_a_claim_of_250_keys_wins_those_that_are_pending(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, 250)
        store.create(session, bundles)
        taken = self.claim(store, keys_of(bundles)[::5])
        won = self.claim(store, keys_of(bundles), "agent-2")
        assert len(taken) == 50
        assert {claim.key for claim in won} == set(keys_of(bundles)) - {claim.key for claim in taken}

    def test_every_claim_raises_the_attempt_and_has_a_fresh_nonce(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        leases = []
        for _ in range(3):
            leases.append(self.claim_one(store, session).lease)
            self.give_back(store, leases[-1], tasks(0, 4))
        assert [lease.attempt for lease in leases] == [1, 2, 3]
        assert len({lease.nonce for lease in leases}) == 3

    def test_a_bundle_in_which_every_task_has_an_outcome_is_not_claimed(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        store.commit([commit_of(claim.lease, claim.open)])
        assert self.claim(store, [claim.key]) == []

    def test_a_bundle_whose_last_tasks_ended_under_an_old_lease_is_not_claimed(
        self, store: StateStore, later: Advance
    ) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        self.lapse(store, session, later)
        store.commit([commit_of(claim.lease, claim.open)])
        assert self.claim(store, [claim.key]) == []

    def test_a_bundle_of_a_sealed_session_is_claimed(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), sealed=True)
        assert self.claim_one(store, session).open == tasks(0, 4)

    def test_a_bundle_of_a_later_schema_is_not_claimed(self, store: StateStore) -> None:
        session = session_of(schema=defaults.SCHEMA + 1)
        store.create(session, [bundle_of(session, 0, 4)])
        assert self.claim(store, [BundleKey(session.id, 0)]) == []

    def test_a_claim_tells_what_is_left_after_some_outcomes(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 9))
        first = self.claim_one(store, session)
        store.commit([commit_of(first.lease, Ranges.of((1, 3), (5, 6)), tasks(8, 9))])
        self.lapse(store, session, later)
        assert self.claim_one(store, session).open == Ranges.of((0, 1), (3, 5), (6, 8))

    def test_a_renewed_lease_has_the_fence_of_its_claim(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        lease = self.claim_one(store, session).lease
        kept, lost = store.renew([lease])
        assert [(one.key, one.agent, one.attempt, one.nonce) for one in kept] == [
            (lease.key, lease.agent, lease.attempt, lease.nonce)
        ]
        assert lost == []
        assert store.renew(kept).lost == []

    def test_a_lease_is_known_by_its_fence_after_it_was_refreshed(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        first = self.claim_one(store, session).lease
        store.renew([first])
        assert store.renew([first]).lost == []
        [answer] = store.commit([commit_of(first, tasks(0, 1), tasks(1, 2))])
        assert answer.accepted == tasks(0, 2)
        assert self.give_back(store, first, tasks(3, 4)).carved == [tasks(3, 4)]

    def test_of_250_leases_each_is_kept_or_lost(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, 250)
        store.create(session, bundles)
        leases = [claim.lease for claim in self.claim(store, keys_of(bundles))]
        for lease in leases[::50]:
            self.give_back(store, lease, tasks(lease.key.start, lease.key.start + 1))
        kept, lost = store.renew(leases)
        assert {lease.key for lease in kept} == {lease.key for lease in leases} - {lease.key for lease in leases[::50]}
        assert {(one.key, one.nonce, one.cause) for one in lost} == {
            (lease.key, lease.nonce, LossCause.LAPSED) for lease in leases[::50]
        }

    def test_running_tasks_are_counted_one_heartbeat_later(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4), (4, 8))
        lease = self.claim_one(store, session).lease
        later(self.lease / 6)
        store.renew([lease])
        [status] = store.status([session.id])
        assert (status.running, status.pending) == (4, 4)
