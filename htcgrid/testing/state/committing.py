"""Clauses of commit."""

import msgspec
import pytest

from htcgrid.interfaces import StateStore
from htcgrid.model import BundleKey, Claim, Ranges, Remainder, Session
from htcgrid.testing.samples import NOTHING, bundles_of, commit_of, ended_in, keys_of, session_of, succeeded_in, tasks
from htcgrid.testing.state.clauses import Advance, StateClauses


class Committing(StateClauses):
    """The first valid outcome of a task is final, and the log lists exactly what was accepted."""

    def test_outcomes_are_counted_and_logged_with_their_pack(self, store: StateStore) -> None:
        session = self.submit(store, (0, 5))
        claim = self.claim_one(store, session)
        commit = commit_of(claim.lease, Ranges.of((0, 1), (2, 4)), tasks(1, 2))
        [answer] = store.commit([commit])
        assert (answer.accepted, answer.refused, answer.cancelled) == (tasks(0, 4), NOTHING, False)
        [status] = store.status([session.id])
        assert (status.succeeded, status.failed, status.ended) == (3, 1, 4)
        [entry] = self.read(store, session)
        [part] = entry.parts
        assert (part.key, part.succeeded, part.failed) == (claim.key, commit.succeeded, commit.failed)
        assert part.pack == commit.pack
        assert entry.committed.tzinfo is not None
        assert not entry.closing

    def test_a_commit_of_some_tasks_keeps_the_lease(self, store: StateStore) -> None:
        session = self.submit(store, (0, 3))
        claim = self.claim_one(store, session)
        lease = claim.lease
        for index in (0, 1):
            [answer] = store.commit([commit_of(lease, tasks(index, index + 1), flush=index)])
            assert answer.lease is not None
            assert (answer.lease.attempt, answer.lease.nonce) == (lease.attempt, lease.nonce)
            lease = answer.lease
        assert len(store.renew([lease]).kept) == 1

    def test_a_commit_of_the_last_task_ends_the_lease(self, store: StateStore) -> None:
        session = self.submit(store, (0, 3), sealed=True)
        claim = self.claim_one(store, session)
        [answer] = store.commit([commit_of(claim.lease, tasks(0, 2), tasks(2, 3))])
        assert answer.lease is None
        assert store.status([session.id])[0].finished

    def test_a_repeated_commit_records_nothing_twice(self, store: StateStore) -> None:
        session = self.submit(store, (0, 5))
        claim = self.claim_one(store, session)
        commit = commit_of(claim.lease, tasks(0, 2), tasks(2, 3))
        store.commit([commit])
        for _ in range(2):
            [answer] = store.commit([commit])
            assert (answer.accepted, answer.refused) == (NOTHING, tasks(0, 3))
        [status] = store.status([session.id])
        assert (status.succeeded, status.failed) == (2, 1)
        assert ended_in(self.read(store, session)) == [0, 1, 2]

    def test_a_repeated_commit_of_a_whole_bundle_records_nothing_twice(self, store: StateStore) -> None:
        session = self.submit(store, (0, 5))
        claim = self.claim_one(store, session)
        commit = commit_of(claim.lease, tasks(0, 5))
        store.commit([commit])
        [answer] = store.commit([commit])
        assert (answer.lease, answer.accepted, answer.refused) == (None, NOTHING, tasks(0, 5))
        assert succeeded_in(self.read(store, session)) == [0, 1, 2, 3, 4]

    def test_the_first_outcome_of_a_task_is_final(self, store: StateStore) -> None:
        session = self.submit(store, (0, 3))
        claim = self.claim_one(store, session)
        store.commit([commit_of(claim.lease, tasks(0, 1), tasks(1, 2))])
        store.commit([commit_of(claim.lease, tasks(1, 2), tasks(0, 1), flush=1)])
        parts = [part for entry in self.read(store, session) for part in entry.parts]
        assert [(part.succeeded, part.failed) for part in parts] == [(tasks(0, 1), tasks(1, 2))]

    def test_an_entry_lists_exactly_what_was_accepted(self, store: StateStore) -> None:
        session = self.submit(store, (0, 9))
        claim = self.claim_one(store, session)
        store.commit([commit_of(claim.lease, tasks(2, 4), tasks(6, 7))])
        [answer] = store.commit([commit_of(claim.lease, tasks(0, 5), tasks(5, 8), flush=1)])
        assert answer.accepted == Ranges.of((0, 2), (4, 6), (7, 8))
        assert answer.refused == Ranges.of((2, 4), (6, 7))
        part = self.read(store, session)[-1].parts[0]
        assert (part.succeeded, part.failed) == (Ranges.of((0, 2), (4, 5)), Ranges.of((5, 6), (7, 8)))

    def test_tasks_of_another_bundle_are_refused(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 8))
        claim = self.claim_one(store, session)
        [answer] = store.commit([commit_of(claim.lease, tasks(2, 6), tasks(6, 9))])
        assert (answer.accepted, answer.refused) == (tasks(2, 4), tasks(4, 9))
        assert store.status([session.id])[0].ended == 2
        assert self.claim_one(store, session, 4).open == tasks(4, 8)

    def test_tasks_that_were_given_back_are_refused(self, store: StateStore) -> None:
        session = self.submit(store, (0, 6))
        claim = self.claim_one(store, session)
        given = self.give_back(store, claim.lease, tasks(3, 6))
        [answer] = store.commit([commit_of(self.kept(given), tasks(0, 6))])
        assert (answer.accepted, answer.refused) == (tasks(0, 3), tasks(3, 6))
        [child] = self.claim(store, keys_of(given.hints))
        assert child.open == tasks(3, 6)

    def test_a_bundle_that_is_not_there_takes_no_outcomes(self, store: StateStore) -> None:
        session = self.submit(store, (0, 2))
        lease = self.claim_one(store, session).lease
        other = msgspec.structs.replace(lease, key=BundleKey(session.id, 1))
        [answer] = store.commit([commit_of(other, tasks(1, 2))])
        assert (answer.lease, answer.accepted, answer.refused) == (None, NOTHING, tasks(1, 2))
        assert self.read(store, session) == []

    def test_a_commit_that_cannot_be_recorded_holds_up_no_others(self, store: StateStore) -> None:
        sessions = [self.submit(store, (0, 2)) for _ in range(4)]
        cancelled, deleted, kept, last = (self.claim_one(store, session).lease for session in sessions)
        unknown = msgspec.structs.replace(kept, key=BundleKey(session_of().id, 0))
        store.cancel([sessions[0].id])
        store.delete(sessions[1].id)
        answers = store.commit(
            [commit_of(lease, tasks(0, 1), tasks(1, 2)) for lease in (cancelled, kept, deleted, unknown, last)]
        )
        assert [answer.accepted for answer in answers] == [NOTHING, tasks(0, 2), NOTHING, NOTHING, tasks(0, 2)]
        assert [answer.refused for answer in answers] == [tasks(0, 2), NOTHING, tasks(0, 2), tasks(0, 2), NOTHING]
        assert [answer.cancelled for answer in answers] == [True, False, True, True, False]

    def test_a_commit_under_a_stale_lease_records_only_successes(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4))
        stale = self.claim_one(store, session)
        self.lapse(store, session, later)
        [answer] = store.commit([commit_of(stale.lease, tasks(0, 2), tasks(2, 4))])
        assert (answer.lease, answer.accepted, answer.refused) == (None, tasks(0, 2), tasks(2, 4))
        [status] = store.status([session.id])
        assert (status.succeeded, status.failed) == (2, 0)
        assert self.claim_one(store, session).open == tasks(2, 4)

    def test_a_commit_under_a_stale_lease_counts_while_another_agent_runs_the_bundle(
        self, store: StateStore, later: Advance
    ) -> None:
        session, stale, current = self._overtaken(store, later)
        [early] = store.commit([commit_of(stale.lease, tasks(0, 2), tasks(3, 4))])
        assert (early.lease, early.accepted, early.refused) == (None, tasks(0, 2), tasks(3, 4))
        [answer] = store.commit([commit_of(current.lease, tasks(1, 3), tasks(0, 1))])
        assert (answer.accepted, answer.refused) == (tasks(2, 3), tasks(0, 2))
        assert answer.lease is not None
        assert succeeded_in(self.read(store, session)) == [0, 1, 2]

    def test_a_stale_commit_does_not_end_the_lease_of_the_agent_that_runs_the_rest(
        self, store: StateStore, later: Advance
    ) -> None:
        session, stale, current = self._overtaken(store, later)
        store.commit([commit_of(stale.lease, tasks(0, 2))])
        assert self.claim(store, [stale.key], "agent-3") == []
        kept, lost = store.renew([current.lease])
        assert (len(kept), lost) == (1, [])
        [answer] = store.commit([commit_of(kept[0], NOTHING, tasks(2, 4))])
        assert answer.accepted == tasks(2, 4)
        assert store.status([session.id])[0].ended == 4

    def test_a_stale_commit_reaches_no_task_that_moved_to_a_child(self, store: StateStore, later: Advance) -> None:
        session, stale, current = self._overtaken(store, later)
        self.give_back(store, current.lease, tasks(2, 4))
        [answer] = store.commit([commit_of(stale.lease, tasks(0, 4))])
        assert (answer.accepted, answer.refused) == (tasks(0, 2), tasks(2, 4))
        assert store.status([session.id])[0].succeeded == 2

    def test_a_lease_that_was_given_back_whole_still_brings_successes(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        self.give_back(store, claim.lease, tasks(0, 4))
        [answer] = store.commit([commit_of(claim.lease, tasks(0, 1), tasks(1, 2))])
        assert (answer.lease, answer.accepted, answer.refused) == (None, tasks(0, 1), tasks(1, 2))
        assert self.claim_one(store, session).open == tasks(1, 4)

    @pytest.mark.parametrize("field", ["attempt", "nonce"])
    def test_a_fence_is_both_attempt_and_nonce(self, store: StateStore, field: str) -> None:
        session = self.submit(store, (0, 4))
        lease = self.claim_one(store, session).lease
        wrong = msgspec.structs.replace(lease, **{field: {"attempt": 2, "nonce": "other"}[field]})
        [answer] = store.commit([commit_of(wrong, NOTHING, tasks(0, 4))])
        assert (answer.lease, answer.accepted) == (None, NOTHING)
        assert store.give_back(wrong, [Remainder(ranges=tasks(0, 4))]) is None
        assert [lost.key for lost in store.renew([wrong]).lost] == [lease.key]
        assert len(store.renew([lease]).kept) == 1

    def test_commits_of_several_sessions_are_answered_in_order(self, store: StateStore) -> None:
        sessions = [self.submit(store, (0, 3), (3, 6)) for _ in range(3)]
        claims = [self.claim_one(store, session, start) for start in (0, 3) for session in sessions]
        answers = store.commit([commit_of(claim.lease, Ranges.single(claim.first + 1)) for claim in claims])
        assert [answer.accepted for answer in answers] == [Ranges.single(claim.first + 1) for claim in claims]
        assert [status.succeeded for status in store.status([session.id for session in sessions])] == [2, 2, 2]

    def test_two_commits_of_one_bundle_in_one_call_are_both_recorded(self, store: StateStore) -> None:
        session = self.submit(store, (0, 5))
        lease = self.claim_one(store, session).lease
        first, second = store.commit([commit_of(lease, tasks(0, 3)), commit_of(lease, tasks(2, 5), flush=1)])
        assert (first.accepted, second.accepted, second.refused) == (tasks(0, 3), tasks(3, 5), tasks(2, 3))
        assert succeeded_in(self.read(store, session)) == [0, 1, 2, 3, 4]
        assert second.lease is None

    def test_a_batch_of_250_commits_is_recorded_whole(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, 250)
        store.create(session, bundles, sealed=True)
        claims = self.claim(store, keys_of(bundles))
        answers = store.commit([commit_of(claim.lease, claim.open) for claim in claims])
        assert [answer.accepted for answer in answers] == [claim.open for claim in claims]
        assert store.status([session.id])[0].finished
        assert succeeded_in(self.read(store, session)) == list(range(250))

    def _overtaken(self, store: StateStore, later: Advance) -> tuple[Session, Claim, Claim]:
        """Return a session of four tasks, a lease of them that lapsed, and the claim of another agent."""
        session = self.submit(store, (0, 4))
        stale = self.claim_one(store, session)
        self.lapse(store, session, later)
        return session, stale, self.claim_one(store, session, agent="agent-2")
