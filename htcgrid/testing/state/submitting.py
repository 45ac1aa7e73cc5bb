"""Clauses of create, add and seal."""

from datetime import timedelta

import msgspec
import pytest

from htcgrid.errors import ConflictError, SessionNotFoundError
from htcgrid.interfaces import StateStore
from htcgrid.model import BundleKey, KeepOutput, Pack, Ranges, RetryPolicy, SessionState
from htcgrid.testing.samples import bundle_of, bundles_of, commit_of, keys_of, new_id, session_of, tasks
from htcgrid.testing.state.clauses import StateClauses, open_in


class Submitting(StateClauses):
    """Accepted means recorded whole, recognised when it comes again, and never mixed up with other content."""

    def test_a_created_session_is_open_and_counts_its_tasks(self, store: StateStore) -> None:
        session = self.submit(store, (0, 3), (3, 10))
        [status] = store.status([session.id])
        assert (status.state, status.total, status.ended) == (SessionState.OPEN, 10, 0)

    def test_a_session_created_sealed_is_sealed(self, store: StateStore) -> None:
        session = self.submit(store, (0, 3), sealed=True)
        [status] = store.status([session.id])
        assert (status.state, status.total, status.finished) == (SessionState.SEALED, 3, False)

    def test_an_empty_session_that_is_sealed_is_finished(self, store: StateStore) -> None:
        session = self.submit(store, sealed=True)
        [status] = store.status([session.id])
        assert status.finished
        assert status.total == 0

    def test_a_session_comes_back_as_it_was_submitted(self, store: StateStore) -> None:
        session = session_of(
            pool="big",
            priority=3,
            retry=RetryPolicy(
                tries=7,
                backoff=timedelta(milliseconds=1500),
                limit=timedelta(seconds=9),
                only=("OSError", "desk.Stale"),
                never=("TimedOut",),
            ),
            timeout=timedelta(seconds=2.5),
            codec="bytes",
            labels={"desk": "Zürich ☂", "empty": ""},
            keep_for=timedelta(days=3),
            output=KeepOutput.ALL,
            codec_options={"lossy": True, "python": {"version": "3.99", "folders": ["/srv/ü"]}},
            calls=True,
        )
        store.create(session, [bundle_of(session, 0, 1)])
        [status] = store.status([session.id])
        claim = self.claim_one(store, session)
        assert status.session == session
        assert claim.session == session

    def test_a_session_has_the_longest_id_there_is(self, store: StateStore) -> None:
        session = session_of(id=(new_id() + "._-" + "x" * 80)[:80])
        store.create(session, [bundle_of(session, 0, 2)], sealed=True)
        claim = self.claim_one(store, session)
        store.commit([commit_of(claim.lease, claim.open)])
        assert store.status([session.id])[0].succeeded == 2

    def test_bundles_are_claimable_when_create_returns(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, 5, tasks=2)
        store.create(session, bundles)
        assert open_in(self.claim(store, keys_of(bundles))) == list(range(10))

    def test_bundles_are_claimable_when_add_returns(self, store: StateStore) -> None:
        session = self.submit(store)
        bundles = bundles_of(session, 5, tasks=2)
        store.add(session.id, bundles)
        assert open_in(self.claim(store, keys_of(bundles))) == list(range(10))
        assert store.status([session.id])[0].total == 10

    def test_a_batch_of_250_bundles_is_added_whole(self, store: StateStore) -> None:
        session = self.submit(store)
        bundles = bundles_of(session, 250)
        store.add(session.id, bundles)
        assert store.status([session.id])[0].total == 250
        assert len(self.claim(store, keys_of(bundles))) == 250

    def test_a_session_of_250_bundles_is_created_whole(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, 250)
        store.create(session, bundles, sealed=True)
        assert store.status([session.id])[0].total == 250
        assert len(self.claim(store, keys_of(bundles))) == 250

    def test_an_empty_batch_changes_nothing(self, store: StateStore) -> None:
        session = self.submit(store, (0, 2))
        store.add(session.id, [])
        assert self.claim(store, []) == []
        assert store.renew([]) == ([], [])
        assert store.commit([]) == []
        assert store.cancel([]) == []
        assert store.status([]) == []
        assert store.status([session.id])[0].total == 2

    def test_a_repeated_create_changes_nothing(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, 3)
        store.create(session, bundles)
        again = msgspec.structs.replace(session, created=session.created + timedelta(seconds=5))
        store.create(again, bundles)
        [status] = store.status([session.id])
        assert (status.session, status.total) == (session, 3)
        assert len(self.claim(store, keys_of(bundles) * 2)) == 3

    def test_a_repeated_create_adds_and_seals(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, 3)
        store.create(session, bundles[:1])
        store.create(session, bundles, sealed=True)
        store.create(session, bundles, sealed=True)
        [status] = store.status([session.id])
        assert (status.state, status.total) == (SessionState.SEALED, 3)
        assert len(self.claim(store, keys_of(bundles))) == 3

    def test_a_repeated_sealed_create_of_fewer_tasks_is_a_conflict(self, store: StateStore) -> None:
        session = session_of()
        bundles = bundles_of(session, 3)
        store.create(session, bundles)
        with pytest.raises(ConflictError):
            store.create(session, bundles[:2], sealed=True)

    def test_a_repeated_submit_of_other_content_is_a_conflict(self, store: StateStore) -> None:
        session = self.submit(store, (0, 3))
        with pytest.raises(ConflictError):
            store.create(msgspec.structs.replace(session, handler="other:handler"))
        assert store.status([session.id])[0].session == session

    @pytest.mark.parametrize("verb", ["add", "create"])
    @pytest.mark.parametrize("change", ["digest", "range"])
    def test_a_bundle_of_other_content_is_a_conflict(self, store: StateStore, verb: str, change: str) -> None:
        session = self.submit(store, (0, 3))
        original = bundle_of(session, 0, 3)
        other = bundle_of(session, 0, 3, "*") if change == "digest" else msgspec.structs.replace(original, stop=4)
        with pytest.raises(ConflictError):
            store.add(session.id, [other]) if verb == "add" else store.create(session, [other])
        claim = self.claim_one(store, session)
        assert (claim.input, claim.open) == (original.input, tasks(0, 3))

    def test_nothing_behind_a_bundle_that_conflicts_is_recorded(self, store: StateStore) -> None:
        session = self.submit(store, (0, 1), (1, 3))
        # As another client under the same id would cut the same tasks.
        with pytest.raises(ConflictError):
            store.add(session.id, [bundle_of(session, *span) for span in ((0, 1), (1, 2), (2, 3), (3, 6))])
        assert store.status([session.id])[0].total == 3
        claims = self.claim(store, [BundleKey(session.id, start) for start in range(4)])
        assert sorted((claim.open.first, claim.open.count) for claim in claims) == [(0, 1), (1, 2)]

    @pytest.mark.parametrize("end", ["open", "sealed", "cancelled"])
    def test_a_bundle_that_is_there_is_left_alone_whatever_state_the_session_is_in(
        self, store: StateStore, end: str
    ) -> None:
        session = self.submit(store, (0, 3))
        if end == "sealed":
            store.seal(session.id, 3)
        if end == "cancelled":
            store.cancel([session.id])
        before = store.status([session.id])
        store.add(session.id, [bundle_of(session, 0, 3)])
        store.create(session, [bundle_of(session, 0, 3)])
        assert store.status([session.id]) == before

    def test_a_bundle_that_runs_or_has_ended_is_recognised_and_goes_on(self, store: StateStore) -> None:
        session = self.submit(store, (0, 4), (4, 8))
        ended, running = self.claim_one(store, session), self.claim_one(store, session, 4)
        store.commit([commit_of(ended.lease, ended.open)])
        given = self.give_back(store, running.lease, tasks(4, 6))
        store.add(session.id, [bundle_of(session, 0, 4), bundle_of(session, 4, 8)])
        assert store.status([session.id])[0].succeeded == 4
        assert self.claim(store, [ended.key, running.key]) == []
        [answer] = store.commit([commit_of(self.kept(given), tasks(6, 8))])
        assert answer.accepted == tasks(6, 8)
        assert open_in(self.claim(store, keys_of(given.hints))) == [4, 5]

    def test_the_total_is_the_end_of_the_last_bundle_in_whatever_order_they_come(self, store: StateStore) -> None:
        session = self.submit(store)
        store.add(session.id, [bundle_of(session, 4, 8)])
        assert store.status([session.id])[0].total == 8
        store.add(session.id, [bundle_of(session, 0, 4)])
        assert store.status([session.id])[0].total == 8
        assert len(self.claim(store, [BundleKey(session.id, 0), BundleKey(session.id, 4)])) == 2

    def test_a_sealed_session_takes_no_more_bundles(self, store: StateStore) -> None:
        session = self.submit(store, (0, 3), sealed=True)
        with pytest.raises(ConflictError):
            store.add(session.id, [bundle_of(session, 0, 3), bundle_of(session, 3, 5)])
        assert store.status([session.id])[0].total == 3

    def test_a_bundle_beyond_the_total_is_not_claimed(self, store: StateStore) -> None:
        session = self.submit(store, (0, 3), sealed=True)
        beyond = bundle_of(session, 3, 5)
        with pytest.raises(ConflictError):
            store.add(session.id, [beyond])
        assert self.claim(store, [beyond.key]) == []
        assert open_in(self.claim_rest(store, session)) == [0, 1, 2]

    def test_a_bundle_that_came_after_a_cancel_is_refused_and_never_claimed(self, store: StateStore) -> None:
        session = self.submit(store, (0, 3))
        store.cancel([session.id])
        with pytest.raises(ConflictError):
            store.add(session.id, [bundle_of(session, 3, 5)])
        assert self.claim(store, [BundleKey(session.id, 3)]) == []
        assert store.status([session.id])[0].total == 3

    def test_seal_with_another_total_is_a_conflict(self, store: StateStore) -> None:
        session = self.submit(store, (0, 3))
        for total in (2, 4):
            with pytest.raises(ConflictError):
                store.seal(session.id, total)
        assert store.status([session.id])[0].state is SessionState.OPEN

    def test_repeating_a_seal_changes_nothing(self, store: StateStore) -> None:
        session = self.submit(store, (0, 3))
        store.seal(session.id, 3)
        sealed = store.status([session.id])
        store.seal(session.id, 3)
        assert store.status([session.id]) == sealed
        with pytest.raises(ConflictError):
            store.seal(session.id, 4)

    def test_a_cancelled_session_stays_cancelled_when_it_is_sealed(self, store: StateStore) -> None:
        session = self.submit(store, (0, 3))
        store.cancel([session.id])
        store.seal(session.id, 3)
        assert store.status([session.id])[0].state is SessionState.CANCELLED

    def test_an_unknown_session_is_said_to_be_unknown(self, store: StateStore) -> None:
        session = session_of()
        verbs = (
            lambda: store.add(session.id, [bundle_of(session, 0, 1)]),
            lambda: store.seal(session.id, 0),
            lambda: store.status([session.id]),
            lambda: store.cancel([session.id]),
            lambda: store.outcomes(session.id),
        )
        for verb in verbs:
            with pytest.raises(SessionNotFoundError):
                verb()

    def test_a_pack_as_large_as_the_limit_is_kept_as_it_is(self, store: StateStore) -> None:
        session = session_of()
        pack = Pack.of(bytes(range(256)) * (store.limits.inline // 256) + b"\0" * (store.limits.inline % 256))
        store.create(session, [msgspec.structs.replace(bundle_of(session, 0, 1), input=pack)])
        claim = self.claim_one(store, session)
        commit = msgspec.structs.replace(commit_of(claim.lease, claim.open), pack=pack)
        store.commit([commit])
        [entry] = self.read(store, session)
        assert claim.input == pack
        assert entry.parts[0].pack == pack

    def test_a_pack_that_lies_elsewhere_is_named_as_it_was(self, store: StateStore) -> None:
        session = session_of()
        bundle = bundle_of(session, 0, 2)
        moved = bundle.input.moved_to(f"{session.id}/in/0")
        store.create(session, [msgspec.structs.replace(bundle, input=moved)])
        claim = self.claim_one(store, session)
        away = Pack.of(b"x" * 1000).moved_to(f"{session.id}/out/0")
        store.commit([msgspec.structs.replace(commit_of(claim.lease, claim.open), pack=away)])
        assert claim.input == moved
        assert self.read(store, session)[0].parts[0].pack == away

    def test_a_bundle_of_the_most_tasks_takes_outcomes_of_every_second_one(self, store: StateStore) -> None:
        most = store.limits.bundle_tasks
        session = self.submit(store, (0, most), sealed=True)
        claim = self.claim_one(store, session)
        even = Ranges.of_indexes(range(0, most, 2))
        [answer] = store.commit([commit_of(claim.lease, even)])
        assert answer.accepted == even
        assert answer.lease is not None
        given = self.give_back(store, answer.lease, tasks(0, most))
        assert given.carved == [tasks(0, most) - even]
        assert store.status([session.id])[0].succeeded == even.count
