"""Clauses of what happens when many do it at once."""

from collections.abc import Callable
from functools import partial
from itertools import chain
from threading import Event

from htcgrid.errors import ConflictError
from htcgrid.interfaces import BEGINNING, StateStore
from htcgrid.model import BundleKey, Claim, Lease, Ranges, Remainder, Session, SessionState
from htcgrid.testing.race import at_once
from htcgrid.testing.samples import (
    bundle_of,
    bundles_of,
    commit_of,
    ended_in,
    keys_of,
    session_of,
    succeeded_in,
    tasks,
)
from htcgrid.testing.state.clauses import MANY, Advance, StateClauses, open_in

_RACERS = 8


class Racing(StateClauses):
    """Of calls at once each sees another's whole effect or none of it."""

    def test_of_many_claims_at_once_exactly_one_wins(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4))
        keys = [BundleKey(session.id, 0)]
        won = at_once([partial(self.claim, store, keys, f"agent-{racer}") for racer in range(_RACERS)])
        assert sorted(len(claims) for claims in won) == [0] * (_RACERS - 1) + [1]
        [claim] = chain(*won)
        assert len(store.renew([claim.lease]).kept) == 1

    def test_batches_that_are_claimed_at_once_are_shared_without_doubles(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, 40)
        store.create(session, bundles)
        orders = [keys_of(bundles)[racer * 5 :] + keys_of(bundles)[: racer * 5] for racer in range(_RACERS)]
        won = at_once([partial(self.claim, store, keys, f"agent-{racer}") for racer, keys in enumerate(orders)])
        assert open_in(chain(*won)) == list(range(40))

    def test_of_many_commits_of_a_task_at_once_exactly_one_is_accepted(self, store: StateStore) -> None:
        session = self.submit(store, (0, 8))
        lease = self.claim_one(store, session).lease
        commits = [commit_of(lease, tasks(0, 8), flush=racer) for racer in range(_RACERS)]
        answers = at_once([partial(store.commit, [commit]) for commit in commits])
        accepted = [index for [answer] in answers for index in answer.accepted]
        assert sorted(accepted) == list(range(8))
        assert succeeded_in(self.read(store, session)) == list(range(8))
        assert store.status([session.id])[0].succeeded == 8

    def test_of_commits_at_once_none_is_lost(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, _RACERS, tasks=6)
        store.create(session, bundles, sealed=True)
        claims = self.claim(store, keys_of(bundles))
        at_once([partial(self._commit_one_by_one, store, claim) for claim in claims])
        [status] = store.status([session.id])
        assert (status.succeeded, status.failed, status.finished) == (_RACERS * 6, 0, True)
        assert succeeded_in(self.read(store, session)) == list(range(_RACERS * 6))

    def test_a_reader_beside_commits_sees_every_outcome_once(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, 4, tasks=8)
        store.create(session, bundles)
        claims = self.claim(store, keys_of(bundles))
        written = Event()
        seen = list[int]()

        def write() -> None:
            at_once([partial(self._commit_one_by_one, store, claim) for claim in claims])
            written.set()

        def read() -> None:
            cursor, last = BEGINNING, False
            while not last:
                last = written.is_set()
                page = store.outcomes(session.id, cursor, limit=3)
                last = last and not page.entries
                cursor = page.cursor
                seen.extend(succeeded_in(page.entries))

        at_once([write, read])
        assert sorted(seen) == list(range(32))

    def test_counts_beside_commits_never_go_back_and_end_with_the_last_outcome(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, 4, tasks=8)
        store.create(session, bundles, sealed=True)
        claims = self.claim(store, keys_of(bundles))
        written = Event()
        seen: list[int] = []

        def write() -> None:
            at_once([partial(self._commit_one_by_one, store, claim) for claim in claims])
            written.set()

        def look() -> None:
            last = False
            while not last:
                last = written.is_set()
                [status] = store.status([session.id])
                assert status.finished == (status.succeeded == 32)
                seen.append(status.succeeded)

        at_once([write, look])
        assert seen == sorted(seen)
        assert seen[-1] == 32

    def test_a_cancel_beside_commits_loses_no_outcome(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, _RACERS, tasks=10)
        store.create(session, bundles)
        claims = self.claim(store, keys_of(bundles))
        accepted = [partial(self._commit_one_by_one, store, claim) for claim in claims]
        *counts, _ = at_once([*accepted, partial(self._cancelled, store, session)])
        recorded = succeeded_in(self.read(store, session))
        [status] = store.status([session.id])
        assert len(recorded) == len(set(recorded)) == sum(counts) == status.succeeded
        assert (status.total, status.cancelled) == (80, 80 - sum(counts))

    def test_cancels_at_once_count_the_same(self, store: StateStore) -> None:
        session = self.submit(store, (0, 9))
        store.commit([commit_of(self.claim_one(store, session).lease, tasks(0, 2))])
        found = list(chain(*at_once([partial(store.cancel, [session.id])] * _RACERS)))
        assert {(counts.succeeded, counts.failed) for counts in found} == {(2, 0)}
        assert max(counts.cancelled for counts in found) == 7
        assert store.status([session.id])[0].cancelled == 7

    def test_a_cancel_beside_submits_counts_what_was_accepted(self, store: StateStore) -> None:
        session = self.submit(store)
        accepted, _ = at_once(
            [partial(self._submit_until_refused, store, session), partial(self._cancelled, store, session)]
        )
        [status] = store.status([session.id])
        assert status.total == status.cancelled == accepted

    def test_of_adds_at_once_none_is_lost(self, store: StateStore) -> None:
        session = self.submit(store)
        bundles = bundles_of(session, _RACERS * 5)
        at_once([partial(store.add, session.id, bundles[racer::_RACERS]) for racer in range(_RACERS)])
        assert store.status([session.id])[0].total == _RACERS * 5
        assert len(self.claim(store, keys_of(bundles))) == _RACERS * 5

    def test_a_seal_beside_an_add_takes_its_tasks_or_refuses_them(self, store: StateStore) -> None:
        for order in (1, -1) * 3:
            session = self.submit(store, (0, 4))
            seal = partial(store.seal, session.id, 4)
            add = partial(store.add, session.id, [bundle_of(session, 4, 6)])
            sealed, added = at_once([partial(_succeeds, verb) for verb in (seal, add)[::order]])[::order]
            [status] = store.status([session.id])
            assert sealed != added
            assert (status.total, status.state) == ((6, SessionState.OPEN) if added else (4, SessionState.SEALED))

    def test_of_submits_at_once_under_one_id_exactly_one_is_recorded(self, store: StateStore) -> None:
        plain = session_of()
        rivals = [session_of(id=plain.id, handler=f"rival:{racer}") for racer in range(_RACERS)]
        created = at_once([partial(_succeeds, partial(store.create, rival)) for rival in rivals])
        assert sum(created) == 1
        assert store.status([plain.id])[0].session == rivals[created.index(True)]

    def test_the_same_submit_at_once_is_one(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, 20)
        at_once([partial(store.create, session, bundles, sealed=True)] * _RACERS)
        [status] = store.status([session.id])
        assert (status.total, status.session) == (20, session)
        assert len(self.claim(store, keys_of(bundles) * 2)) == 20

    def test_of_give_backs_at_once_each_task_goes_to_one_bundle(self, store: StateStore) -> None:
        session = self.submit(store, (0, 23))
        lease = self.claim_one(store, session).lease
        parts = [tasks(start, start + 10) for start in range(1, 15, 2)]
        given = at_once([partial(self._given_back, store, lease, part) for part in parts])
        assert sorted(index for carved in given for index in carved) == list(range(1, 23))
        [answer] = store.commit([commit_of(lease, tasks(0, 23))])
        assert answer.accepted == tasks(0, 1)
        assert open_in(self.claim_rest(store, session)) == list(range(1, 23))

    def test_a_commit_beside_a_give_back_leaves_each_task_in_one_place(self, store: StateStore) -> None:
        for _ in range(5):
            session = self.submit(store, (0, 12))
            claim = self.claim_one(store, session)
            rivals: list[Callable[[], object]] = [
                partial(self._commit_one_by_one, store, claim),
                partial(self._given_back, store, claim.lease, tasks(6, 12)),
                partial(self._given_back, store, claim.lease, tasks(4, 8)),
            ]
            at_once(rivals)
            ended = ended_in(self.read(store, session))
            assert sorted(ended + open_in(self.claim_rest(store, session))) == list(range(12))

    def test_a_lapse_is_counted_once_by_reapers_at_once(self, store: StateStore, later: Advance) -> None:
        session = self.submit(store, (0, 4), (4, 8))
        claims = [self.claim_one(store, session, start) for start in (0, 4)]
        self.due(store, session)
        later(self.lease * 1.1)
        self.settle()
        at_once([partial(store.due, MANY)] * _RACERS)
        again = self.claim(store, [claim.key for claim in claims], "agent-2")
        assert [(claim.lease.attempt, claim.lapses) for claim in again] == [(2, 1), (2, 1)]

    def test_a_renewal_beside_a_lapse_is_kept_or_lost(self, store: StateStore, later: Advance) -> None:
        session = session_of()
        bundles = bundles_of(session, _RACERS, tasks=2)
        store.create(session, bundles)
        leases = [claim.lease for claim in self.claim(store, keys_of(bundles))]
        self.due(store, session)
        later(self.lease * 1.1)
        self.settle()

        def reap() -> list[BundleKey]:
            return [hint.key for hint in store.due(MANY) if hint.key.session == session.id]

        def renew(lease: Lease) -> list[BundleKey]:
            return keys_of(store.renew([lease]).kept)

        rivals: list[Callable[[], list[BundleKey]]] = [partial(renew, lease) for lease in leases]
        told = sorted(chain(*at_once([reap, *rivals])))
        assert told == sorted(keys_of(bundles)), "each bundle is either kept or hinted"
        kept = store.renew(leases).kept
        again = self.claim(store, keys_of(bundles), "agent-2")
        assert sorted(keys_of(kept) + [claim.key for claim in again]) == told

    def test_a_commit_beside_a_lapse_is_recorded_once(self, store: StateStore, later: Advance) -> None:
        session = session_of()
        bundles = bundles_of(session, _RACERS, tasks=2)
        store.create(session, bundles)
        claims = self.claim(store, keys_of(bundles))
        self.due(store, session)
        later(self.lease * 1.1)
        self.settle()
        rivals: list[Callable[[], object]] = [partial(self._commit_one_by_one, store, claim) for claim in claims]
        reaper: Callable[[], object] = partial(store.due, MANY)
        at_once([reaper, *rivals])
        assert succeeded_in(self.read(store, session)) == list(range(_RACERS * 2))
        assert self.claim(store, keys_of(bundles)) == []

    def test_collectors_at_once_come_to_an_end(self, store: StateStore) -> None:
        session = self.submit(store, *((start, start + 1) for start in range(40)))
        store.delete(session.id)

        def collect() -> bool:
            return any(store.collect(session.id, 7) for _ in range(100))

        assert at_once([collect] * _RACERS) == [True] * _RACERS
        assert not _succeeds(partial(store.create, session))

    def _commit_one_by_one(self, store: StateStore, claim: Claim) -> int:
        """Commit each open task by itself, as an agent does that never learns of a loss; return how many counted."""
        accepted = 0
        for flush, index in enumerate(claim.open):
            [answer] = store.commit([commit_of(claim.lease, Ranges.single(index), flush=flush)])
            accepted += answer.accepted.count
        return accepted

    def _given_back(self, store: StateStore, lease: Lease, part: Ranges) -> list[int]:
        given = store.give_back(lease, [Remainder(ranges=part)])
        return [index for carved in given.carved for index in carved] if given else []

    def _cancelled(self, store: StateStore, session: Session) -> int:
        [counts] = store.cancel([session.id])
        return counts.cancelled

    def _submit_until_refused(self, store: StateStore, session: Session) -> int:
        """Add bundles of one task until the session takes no more; return how many it took."""
        accepted = 0
        while accepted < 1000 and _succeeds(
            partial(store.add, session.id, [bundle_of(session, accepted, accepted + 1)])
        ):
            accepted += 1
        return accepted


def _succeeds(action: Callable[[], None]) -> bool:
    try:
        action()
    except ConflictError:
        return False
    return True
