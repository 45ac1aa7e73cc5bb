"""Clauses of give_back."""

from collections.abc import Iterator
from random import Random

import pytest

from htcgrid.interfaces import StateStore
from htcgrid.model import BundleKey, Claim, Ranges, Remainder
from htcgrid.testing.samples import NOTHING, bundle_of, commit_of, ended_in, keys_of, session_of, tasks
from htcgrid.testing.state.clauses import Advance, StateClauses, open_in


class GivingBack(StateClauses):
    """What is given back is in exactly one bundle at every moment."""

    def test_a_part_becomes_a_pending_bundle_of_its_own(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 9))
        claim = self.claim_one(store, session, 4)
        given = self.give_back(store, claim.lease, tasks(6, 9))
        assert given.carved == [tasks(6, 9)]
        [child] = self.claim(store, keys_of(given.hints), "agent-2")
        assert child.open == tasks(6, 9)
        assert (child.lease.attempt, child.key.start) == (1, 6)
        [answer] = store.commit([commit_of(self.kept(given), tasks(4, 6))])
        assert answer.lease is None

    def test_a_child_keeps_the_input_of_the_bundle_that_was_submitted(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 12))
        lease = self.claim_one(store, session, 4).lease
        for start in (6, 8, 10):
            [claim] = self.claim(store, keys_of(self.give_back(store, lease, tasks(start, 12)).hints))
            assert (claim.input, claim.first) == (bundle_of(session, 4, 12).input, 4)
            lease = claim.lease

    def test_a_child_may_start_where_its_parent_does(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        claim = self.claim_one(store, session)
        given = self.give_back(store, claim.lease, tasks(0, 1))
        [child] = self.claim(store, keys_of(given.hints), "agent-2")
        grandchild = self.give_back(store, self.kept(given), tasks(1, 2))
        assert child.open == tasks(0, 1)
        assert child.key != claim.key
        assert open_in(self.claim(store, keys_of(grandchild.hints))) == [1]
        assert store.commit([commit_of(self.kept(grandchild), tasks(2, 4))])[0].accepted == tasks(2, 4)

    def test_children_of_children_may_all_start_at_one_task(self, store: StateStore) -> None:
        session = self.submit(store, (0, 8))
        claim = self.claim_one(store, session)
        keys = [claim.key]
        for stop in (6, 4, 2):
            given = self.give_back(store, claim.lease, tasks(0, stop))
            [claim] = self.claim(store, keys_of(given.hints))
            keys.append(claim.key)
        assert len(set(keys)) == 4
        assert claim.open == tasks(0, 2)

    def test_giving_back_everything_makes_the_same_bundle_pending(self, store: StateStore) -> None:
        session = self.submit(store, (0, 6))
        claim = self.claim_one(store, session)
        store.commit([commit_of(claim.lease, tasks(0, 2))])
        given = self.give_back(store, claim.lease, tasks(0, 6))
        assert (given.lease, given.carved, keys_of(given.hints)) == (None, [tasks(2, 6)], [claim.key])
        again = self.claim_one(store, session, agent="agent-2")
        assert (again.lease.attempt, again.open, again.lapses) == (2, tasks(2, 6), 0)

    def test_several_parts_that_are_everything_end_the_lease(self, store: StateStore) -> None:
        session = self.submit(store, (0, 6))
        claim = self.claim_one(store, session)
        given = self.give_back(store, claim.lease, tasks(0, 2), tasks(2, 5), tasks(5, 6))
        assert given.lease is None
        assert [claimed.open for claimed in self.claim(store, keys_of(given.hints))] == given.carved
        assert given.carved == [tasks(0, 2), tasks(2, 5), tasks(5, 6)]

    def test_only_what_is_open_and_in_the_bundle_is_given_back(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 12))
        lease = self.claim_one(store, session, 4).lease
        store.commit([commit_of(lease, tasks(5, 6), tasks(8, 9))])
        given = self.give_back(store, lease, Ranges.of((0, 7), (8, 10)), tasks(0, 4))
        assert given.carved == [Ranges.of((4, 5), (6, 7), (9, 10)), NOTHING]
        assert open_in(self.claim(store, keys_of(given.hints))) == [4, 6, 9]
        assert self.claim_one(store, session).open == tasks(0, 4)

    def test_parts_that_overlap_carve_each_task_once(self, store: StateStore) -> None:
        session = self.submit(store, (0, 8))
        given = self.give_back(store, self.claim_one(store, session).lease, tasks(2, 5), tasks(4, 7))
        assert sorted(index for part in given.carved for index in part) == [2, 3, 4, 5, 6]
        assert open_in(self.claim(store, keys_of(given.hints))) == [2, 3, 4, 5, 6]

    def test_giving_back_nothing_keeps_everything(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        given = self.give_back(store, self.claim_one(store, session).lease)
        assert (given.carved, given.hints) == ([], [])
        assert len(store.renew([self.kept(given)]).kept) == 1

    def test_repeating_a_give_back_changes_nothing(self, store: StateStore) -> None:
        session = self.submit(store, (0, 6))
        claim = self.claim_one(store, session)
        remainders = [Remainder(ranges=tasks(2, 4)), Remainder(ranges=tasks(4, 6))]
        first = self.give_back(store, claim.lease, tasks(2, 4), tasks(4, 6))
        children = self.claim(store, keys_of(first.hints)[:1], "agent-2")
        again = store.give_back(claim.lease, remainders)
        assert again is not None
        assert again.carved in ([NOTHING, NOTHING], first.carved)
        assert len(store.renew([self.kept(again), children[0].lease]).kept) == 2
        assert open_in(self.claim_rest(store, session)) == [4, 5]

    def test_repeating_a_give_back_of_everything_changes_nothing(self, store: StateStore) -> None:
        session = self.submit(store, (0, 6))
        claim = self.claim_one(store, session)
        self.give_back(store, claim.lease, tasks(0, 6))
        assert store.give_back(claim.lease, [Remainder(ranges=tasks(0, 6))]) is None
        current = self.claim_one(store, session, agent="agent-2")
        assert store.give_back(claim.lease, [Remainder(ranges=tasks(0, 6))]) is None
        assert len(store.renew([current.lease]).kept) == 1

    def test_a_give_back_under_a_lapsed_lease_does_nothing(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 6))
        claim = self.claim_one(store, session)
        self.lapse(store, session, later)
        assert store.give_back(claim.lease, [Remainder(ranges=tasks(2, 4))]) is None
        assert [claim.open for claim in self.claim_rest(store, session)] == [tasks(0, 6)]

    def test_delayed_bundles_are_not_claimed_before_their_time(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 6))
        lease = self.claim_one(store, session).lease
        remainders = [Remainder(ranges=tasks(2, 4), delay=self.lease / 2), Remainder(ranges=tasks(4, 6))]
        given = store.give_back(lease, remainders)
        assert given is not None
        children = keys_of(given.hints)
        assert open_in(self.claim(store, children)) == [4, 5]
        later(self.lease * 0.2)
        assert self.claim(store, children) == []
        later(self.lease * 0.4)
        assert open_in(self.claim(store, children)) == [2, 3]

    def test_a_whole_bundle_may_be_delayed(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 6))
        claim = self.claim_one(store, session)
        store.give_back(claim.lease, [Remainder(ranges=tasks(0, 6), delay=self.lease / 2)])
        assert self.claim(store, [claim.key]) == []
        later(self.lease * 0.6)
        assert self.claim_one(store, session).open == tasks(0, 6)

    def test_tasks_keep_their_tries_and_bring_new_ones(self, store: StateStore) -> None:
        session = self.submit(store, (0, 6))
        claim = self.claim_one(store, session)
        store.give_back(claim.lease, [Remainder(ranges=tasks(0, 6), tries={1: 1, 4: 2})])
        again = self.claim_one(store, session)
        assert again.tries == {1: 1, 4: 2}
        given = store.give_back(again.lease, [Remainder(ranges=tasks(3, 6), tries={4: 3, 5: 1})])
        assert given is not None
        [child] = self.claim(store, keys_of(given.hints))
        assert child.tries == {4: 3, 5: 1}
        self.give_back(store, self.kept(given), tasks(0, 3))
        assert self.claim_one(store, session).tries == {1: 1}

    def test_a_claim_names_tries_of_open_tasks_only(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 6))
        claim = self.claim_one(store, session)
        store.give_back(claim.lease, [Remainder(ranges=tasks(0, 6), tries={0: 1, 1: 2, 4: 1, 9: 3})])
        again = self.claim_one(store, session)
        assert again.tries == {0: 1, 1: 2, 4: 1}
        store.commit([commit_of(again.lease, tasks(1, 2), tasks(4, 5))])
        self.lapse(store, session, later)
        stale = self.claim_one(store, session)
        assert stale.tries == {0: 1}
        self.lapse(store, session, later)
        store.commit([commit_of(stale.lease, tasks(0, 1))])
        assert self.claim_one(store, session).tries == {}

    def test_a_child_starts_with_the_lapses_of_its_parent_or_those_it_is_given(
        self, store: StateStore, later: Advance
    ) -> None:
        session = self.submit(store, (0, 6))
        self.claim_one(store, session)
        self.lapse(store, session, later)
        lease = self.claim_one(store, session).lease
        given = store.give_back(
            lease,
            [
                Remainder(ranges=tasks(1, 2)),
                Remainder(ranges=tasks(2, 3), lapses=0),
                Remainder(ranges=tasks(3, 4), lapses=5),
            ],
        )
        assert given is not None
        lapses = {claim.open.first: claim.lapses for claim in self.claim(store, keys_of(given.hints))}
        assert lapses == {1: 1, 2: 0, 3: 5}
        self.give_back(store, self.kept(given), tasks(0, 6))
        assert self.claim_one(store, session).lapses == 1

    def test_250_parts_are_given_back_at_once(self, store: StateStore) -> None:
        session = self.submit(store, (0, 251))
        lease = self.claim_one(store, session).lease
        given = self.give_back(store, lease, *(Ranges.single(index) for index in range(1, 251)))
        assert given.carved == [Ranges.single(index) for index in range(1, 251)]
        claims = self.claim(store, keys_of(given.hints))
        assert sorted(claim.open.spans for claim in claims) == [((index, index + 1),) for index in range(1, 251)]
        assert store.commit([commit_of(self.kept(given), tasks(0, 1))])[0].lease is None

    def test_hints_of_what_was_given_back_name_pool_priority_and_tasks(self, store: StateStore) -> None:
        session = session_of(pool="big", priority=3)
        store.create(session, [bundle_of(session, 0, 9)])
        given = self.give_back(store, self.claim_one(store, session).lease, tasks(2, 7))
        assert [(hint.pool, hint.priority, hint.tasks) for hint in given.hints] == [("big", 3, 5)]

    @pytest.mark.parametrize("seed", range(3))
    def test_every_task_is_in_exactly_one_bundle(self, store: StateStore, later: Advance, seed: int) -> None:
        random = Random(seed)
        session = self.submit(store, (0, 20), (20, 40))
        held = self.claim(store, [BundleKey(session.id, start) for start in (0, 20)])
        for _ in range(25):
            held += self._give_back_or_commit(store, held.pop(random.randrange(len(held))), random) if held else []
            if not held:
                held = self.claim_rest(store, session)
        self.lapse(store, session, later)
        ended = ended_in(self.read(store, session))
        assert sorted(ended + open_in(self.claim_rest(store, session))) == list(range(40))

    def _give_back_or_commit(self, store: StateStore, claim: Claim, random: Random) -> list[Claim]:
        """Do one of both with some tasks of a claim, twice over; return what was claimed by the way."""
        some = Ranges.of_indexes(random.sample(list(claim.open), random.randint(1, claim.open.count)))
        if random.random() < 0.3:
            for _ in range(2):
                store.commit([commit_of(claim.lease, some)])
            return []
        given = self.give_back(store, claim.lease, *_halves(some))
        store.give_back(claim.lease, [Remainder(ranges=some)])
        return self.claim(store, keys_of(given.hints)[: random.randint(0, 2)])


def _halves(ranges: Ranges) -> Iterator[Ranges]:
    for half in ranges.take(ranges.count // 2):
        if half:
            yield half
