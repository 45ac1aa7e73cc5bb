"""What the state store on SQLite does beyond its contract, and where it could break it."""

import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htcgrid.errors import ConfigError, ConflictError, SessionNotFoundError
from htcgrid.local import collection, submissions
from htcgrid.local.record import read_open, written_open
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import (
    AgentId,
    BundleKey,
    Claim,
    Lease,
    LossCause,
    Ranges,
    Remainder,
    Session,
    SessionId,
    SessionState,
    child_birth,
    defaults,
)
from htcgrid.testing import VirtualClock
from htcgrid.testing.race import at_once
from htcgrid.testing.samples import (
    NOTHING,
    bundle_of,
    bundles_of,
    commit_of,
    ended_in,
    keys_of,
    session_of,
    succeeded_in,
    tasks,
)

LEASE = timedelta(seconds=30)
HINTED_LATE = timedelta(minutes=10)
A, B = AgentId("agent-1"), AgentId("agent-2")

Open = Callable[[], SqliteStateStore]


def submit(store: SqliteStateStore, *spans: tuple[int, int], sealed: bool = False) -> Session:
    session = session_of()
    store.create(session, [bundle_of(session, *span) for span in spans], sealed=sealed)
    return session


def claim(store: SqliteStateStore, key: BundleKey, agent: AgentId = A) -> Claim:
    [won] = store.claim([key], agent=agent, lease=LEASE)
    return won


def lapse(store: SqliteStateStore, clock: VirtualClock) -> None:
    store.due(100)
    clock.advance(LEASE)
    store.due(100)


def running(store: SqliteStateStore, session: Session) -> int:
    return store.status([session.id])[0].running


class TestSubmitting:
    def test_a_bundle_that_overlaps_another_is_a_conflict(self, store: SqliteStateStore) -> None:
        session = submit(store, (0, 10), (20, 30))
        for span in ((5, 15), (0, 9), (1, 10), (15, 25), (10, 40), (25, 35)):
            with pytest.raises(ConflictError, match=f"{session.id}' has tasks {span[0]} to {span[1] - 1} with other"):
                store.add(session.id, [bundle_of(session, *span)])
        store.add(session.id, [bundle_of(session, 10, 20)])
        assert store.status([session.id])[0].total == 30

    def test_bundles_that_overlap_in_one_call_are_a_conflict(self, store: SqliteStateStore) -> None:
        session = session_of()
        with pytest.raises(ConflictError):
            store.create(session, [bundle_of(session, 0, 10), bundle_of(session, 5, 15)])
        with pytest.raises(SessionNotFoundError):
            store.status([session.id])

    def test_a_bundle_that_is_named_twice_in_one_call_is_recorded_once(self, store: SqliteStateStore) -> None:
        session = session_of()
        store.create(session, [bundle_of(session, 4, 8), bundle_of(session, 0, 4), bundle_of(session, 4, 8)])
        assert len(store.due(100, dry="default")) == 2

    def test_a_bundle_of_another_session_or_without_tasks_is_refused(self, store: SqliteStateStore) -> None:
        session = session_of()
        for bundle in (bundle_of(session_of(), 0, 1), bundle_of(session, 3, 3)):
            with pytest.raises(ConfigError):
                store.create(session, [bundle])

    def test_a_conflict_leaves_nothing_of_its_call(self, store: SqliteStateStore) -> None:
        session = submit(store, (0, 3))
        with pytest.raises(ConflictError):
            store.add(session.id, [bundle_of(session, 0, 3, "*"), bundle_of(session, 3, 6)])
        assert store.status([session.id])[0].total == 3

    def test_a_batch_of_several_transactions_is_recorded_whole_and_recognised(
        self, store: SqliteStateStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(submissions, "CHUNK", 7)
        session = session_of()
        for _ in range(2):
            store.create(session, bundles_of(session, 50), sealed=True)
        [status] = store.status([session.id])
        assert (status.state, status.total) == (SessionState.SEALED, 50)
        assert len(store.due(100, dry="default")) == 50

    def test_of_creates_at_once_all_succeed_and_one_counts(self, open_store: Open) -> None:
        stores = [open_store() for _ in range(4)]
        session = session_of()
        bundles = bundles_of(session, 20)
        at_once([lambda store=store: store.create(session, bundles, sealed=True) for store in stores])  # type: ignore[misc]
        assert stores[0].status([session.id])[0].total == 20
        assert len(stores[0].due(100, dry="default")) == 20


class TestClaiming:
    def test_of_claims_by_8_threads_over_2_stores_each_bundle_has_one_winner(self, open_store: Open) -> None:
        stores = [open_store(), open_store()]
        session = session_of()
        bundles = bundles_of(session, 200)
        stores[0].create(session, bundles)

        def win(number: int) -> list[Claim]:
            claims: list[Claim] = []
            for start in range(0, 200, 10):
                keys = keys_of(bundles[start : start + 10])
                claims += stores[number % 2].claim(keys, agent=AgentId(f"agent-{number}"), lease=LEASE)
            return claims

        won = [each.key for claims in at_once([lambda n=n: win(n) for n in range(8)]) for each in claims]  # type: ignore[misc]
        assert sorted(won) == sorted(keys_of(bundles))

    def test_a_claim_by_another_process_ends_the_lease_of_the_first(
        self, open_store: Open, clock: VirtualClock
    ) -> None:
        one, two = open_store(), open_store()
        session = submit(one, (0, 4))
        first = claim(one, BundleKey(session.id, 0))
        lapse(two, clock)
        second = claim(two, first.key, B)
        assert [lost.cause for lost in one.renew([first.lease]).lost] == [LossCause.LAPSED]
        assert one.renew([second.lease]).kept == [second.lease]

    def test_leases_of_sessions_that_are_over_are_lost_to_the_cancel(self, store: SqliteStateStore) -> None:
        cancelled, deleted = submit(store, (0, 4)), submit(store, (0, 4))
        leases = [claim(store, BundleKey(session.id, 0)).lease for session in (cancelled, deleted)]
        store.cancel([cancelled.id])
        store.delete(deleted.id)
        assert [lost.cause for lost in store.renew(leases).lost] == [LossCause.CANCELLED] * 2


class TestCommitting:
    def test_a_repeated_commit_counts_once_and_writes_nothing(self, store: SqliteStateStore) -> None:
        session = submit(store, (0, 10), sealed=True)
        lease = claim(store, BundleKey(session.id, 0)).lease
        first = commit_of(lease, tasks(0, 3), tasks(3, 4))
        [answer] = store.commit([first])
        assert (answer.accepted, answer.refused, answer.lease) == (tasks(0, 4), NOTHING, lease)
        [again] = store.commit([first])
        assert (again.accepted, again.refused, again.lease) == (NOTHING, tasks(0, 4), lease)
        [status] = store.status([session.id])
        assert (status.succeeded, status.failed, status.running) == (3, 1, 6)
        assert len(store.outcomes(session.id).entries) == 1

    def test_one_call_writes_one_entry_per_session_and_answers_in_order(self, store: SqliteStateStore) -> None:
        one, two = submit(store, (0, 4), (4, 8)), submit(store, (0, 4))
        leases = [claim(store, BundleKey(one.id, start)).lease for start in (0, 4)]
        leases.append(claim(store, BundleKey(two.id, 0)).lease)
        commits = [
            commit_of(leases[0], tasks(0, 2)),
            commit_of(leases[2], tasks(0, 4)),
            commit_of(leases[1], tasks(4, 8)),
            commit_of(leases[0], tasks(1, 4), flush=1),
        ]
        answers = store.commit(commits)
        assert [answer.accepted for answer in answers] == [tasks(0, 2), tasks(0, 4), tasks(4, 8), tasks(2, 4)]
        assert answers[3].refused == tasks(1, 2)
        [entry] = store.outcomes(one.id).entries
        assert [part.succeeded for part in entry.parts] == [tasks(0, 2), tasks(4, 8), tasks(2, 4)]
        assert len(store.outcomes(two.id).entries) == 1

    def test_under_a_stale_lease_only_successes_are_recorded(
        self, store: SqliteStateStore, clock: VirtualClock
    ) -> None:
        session = submit(store, (0, 10))
        old = claim(store, BundleKey(session.id, 0)).lease
        lapse(store, clock)
        new = claim(store, old.key, B).lease
        [late] = store.commit([commit_of(old, tasks(0, 3), tasks(3, 6))])
        assert (late.accepted, late.refused, late.lease) == (tasks(0, 3), tasks(3, 6), None)
        [answer] = store.commit([commit_of(new, tasks(0, 6), tasks(6, 10))])
        assert (answer.accepted, answer.refused, answer.lease) == (tasks(3, 10), tasks(0, 3), None)
        assert ended_in(store.outcomes(session.id).entries) == list(range(10))

    def test_a_commit_keeps_a_lease_as_a_renewal_does(self, store: SqliteStateStore, clock: VirtualClock) -> None:
        session = submit(store, (0, 10))
        lease = claim(store, BundleKey(session.id, 0)).lease
        for flush in range(5):
            assert store.due(10) == []
            clock.advance(LEASE * 0.9)
            store.commit([commit_of(lease, tasks(flush, flush + 1), flush=flush)])
        assert store.due(10) == []

    def test_nothing_is_recorded_once_the_session_is_over(self, store: SqliteStateStore) -> None:
        cancelled, deleted = submit(store, (0, 4)), submit(store, (0, 4))
        leases = [claim(store, BundleKey(session.id, 0)).lease for session in (cancelled, deleted)]
        store.cancel([cancelled.id])
        store.delete(deleted.id)
        nowhere = msgspec.structs.replace(leases[0], key=BundleKey(session_of().id, 0))
        for answer in store.commit([commit_of(lease, tasks(0, 4)) for lease in (*leases, nowhere)]):
            assert (answer.accepted, answer.refused, answer.cancelled) == (NOTHING, tasks(0, 4), True)
        assert [entry.closing for entry in store.outcomes(cancelled.id).entries] == [True]

    def test_what_has_ended_is_in_no_table_that_is_looked_at(self, store: SqliteStateStore) -> None:
        session = submit(store, (0, 4), sealed=True)
        won = claim(store, BundleKey(session.id, 0))
        store.commit([commit_of(won.lease, won.open)])
        with store._database.reading() as connection:
            assert connection.execute("SELECT count(*) FROM bundles").fetchone() == (0,)
        store.create(session, [bundle_of(session, 0, 4)], sealed=True)
        assert store.due(10, dry="default") == []


class TestGivingBack:
    def test_giving_back_needs_the_current_lease(self, store: SqliteStateStore, clock: VirtualClock) -> None:
        session = submit(store, (0, 10))
        old = claim(store, BundleKey(session.id, 0)).lease
        lapse(store, clock)
        assert store.give_back(old, [Remainder(ranges=tasks(5, 10))]) is None
        new = claim(store, old.key, B).lease
        assert store.give_back(old, [Remainder(ranges=tasks(5, 10))]) is None
        store.cancel([session.id])
        assert store.give_back(new, [Remainder(ranges=tasks(5, 10))]) is None

    def test_parts_become_children_and_the_last_part_the_bundle_itself(self, store: SqliteStateStore) -> None:
        session = submit(store, (0, 10))
        won = claim(store, BundleKey(session.id, 0))
        store.commit([commit_of(won.lease, tasks(0, 1))])
        given = store.give_back(won.lease, [Remainder(ranges=tasks(0, 4)), Remainder(ranges=tasks(2, 20))])
        assert given is not None
        assert (given.lease, given.carved) == (None, [tasks(1, 4), tasks(4, 10)])
        child = BundleKey(session.id, 1, child_birth(won.key, 1))
        assert keys_of(given.hints) == [child, won.key]
        claims = store.claim(keys_of(given.hints), agent=B, lease=LEASE)
        assert [(each.open, each.first, each.lease.attempt) for each in claims] == [
            (tasks(1, 4), 0, 1),
            (tasks(4, 10), 0, 2),
        ]
        assert {each.input for each in claims} == {won.input}

    def test_repeating_it_changes_nothing(self, store: SqliteStateStore) -> None:
        session = submit(store, (0, 10))
        lease = claim(store, BundleKey(session.id, 0)).lease
        part = [Remainder(ranges=tasks(4, 10))]
        given = store.give_back(lease, part)
        assert given is not None
        again = store.give_back(lease, part)
        assert again is not None
        assert (again.lease, again.carved, again.hints) == (lease, [NOTHING], [])
        assert running(store, session) == 4
        assert keys_of(store.due(10, dry="default")) == keys_of(given.hints)

    def test_tries_and_lapses_go_with_the_tasks(self, store: SqliteStateStore, clock: VirtualClock) -> None:
        session = submit(store, (0, 10))
        key = BundleKey(session.id, 0)
        claim(store, key)
        lapse(store, clock)
        lease = claim(store, key).lease
        given = store.give_back(
            lease,
            [
                Remainder(ranges=Ranges.of((1, 2), (3, 4)), tries={1: 2, 3: 1, 7: 9}),
                Remainder(ranges=tasks(5, 8), lapses=0),
            ],
        )
        assert given is not None
        odd, middle = store.claim(keys_of(given.hints), agent=B, lease=LEASE)
        assert (odd.open, odd.tries, odd.lapses) == (Ranges.of((1, 2), (3, 4)), {1: 2, 3: 1}, 1)
        assert (middle.open, middle.tries, middle.lapses) == (tasks(5, 8), {}, 0)
        again = store.give_back(odd.lease, [Remainder(ranges=tasks(3, 4), tries={3: 2})])
        assert again is not None
        [third] = store.claim(keys_of(again.hints), agent=B, lease=LEASE)
        assert (third.tries, third.lapses, third.lapses_alone) == ({3: 2}, 1, 0)

    def test_a_bundle_that_lapses_with_one_open_task_is_counted_apart(
        self, store: SqliteStateStore, clock: VirtualClock
    ) -> None:
        session = submit(store, (0, 2))
        key = BundleKey(session.id, 0)
        lease = claim(store, key).lease
        lapse(store, clock)
        lease = claim(store, key).lease
        store.commit([commit_of(lease, tasks(0, 1))])
        lapse(store, clock)
        won = claim(store, key)
        assert (won.lapses, won.lapses_alone, won.suspect) == (1, 1, True)

    @given(data=st.data())
    def test_every_task_stays_in_exactly_one_bundle(
        self, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        spans = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda pair: Ranges.of((min(pair), max(pair))))
        parts = st.lists(st.lists(spans, max_size=2).map(lambda two: Ranges.of(*(s for r in two for s in r.spans))))
        with closing(SqliteStateStore(tmp_path_factory.mktemp("grid"), clock=VirtualClock())) as store:
            session = submit(store, (0, 30))
            held: list[Lease] = []
            for _ in range(data.draw(st.integers(1, 4))):
                hints = store.due(100, dry="default")
                held += [each.lease for each in store.claim(keys_of(hints), agent=A, lease=LEASE)]
                for lease in list(held):
                    given = store.give_back(lease, [Remainder(ranges=part) for part in data.draw(parts)])
                    if given is None or given.lease is None:
                        held.remove(lease)
            store.commit([commit_of(lease, tasks(0, 30)) for lease in held])
            while claims := store.claim(keys_of(store.due(100, dry="default")), agent=B, lease=LEASE):
                store.commit([commit_of(each.lease, each.open) for each in claims])
            assert succeeded_in(store.outcomes(session.id, limit=1000).entries) == list(range(30))


class TestTime:
    def test_a_delay_outlives_the_process_that_asked_for_it(self, open_store: Open, clock: VirtualClock) -> None:
        store = open_store()
        session = submit(store, (0, 4))
        lease = claim(store, BundleKey(session.id, 0)).lease
        store.give_back(lease, [Remainder(ranges=tasks(0, 4), delay=timedelta(seconds=60))])
        store.close()
        store = open_store()
        assert store.claim([lease.key], agent=A, lease=LEASE) == []
        assert store.due(10, dry="default") == []
        clock.advance(timedelta(seconds=61))
        assert keys_of(store.due(10)) == [lease.key]
        assert store.due(10) == []
        assert claim(store, lease.key).lease.attempt == 2

    def test_a_clock_that_is_set_back_costs_no_more_than_the_longest_delay(
        self, folder: Path, clock: VirtualClock
    ) -> None:
        with closing(SqliteStateStore(folder, clock=clock, now=clock)) as store:
            session = submit(store, (0, 4))
            lease = claim(store, BundleKey(session.id, 0)).lease
            store.give_back(lease, [Remainder(ranges=tasks(0, 4), delay=timedelta(seconds=60))])
            clock.advance(timedelta(days=-300))
            assert store.due(10) == []
            clock.advance(timedelta(seconds=61))
            assert keys_of(store.due(10)) == [lease.key]

    def test_a_pending_bundle_is_hinted_late_and_then_ever_later(
        self, store: SqliteStateStore, clock: VirtualClock
    ) -> None:
        session = submit(store, (0, 4))
        hinted_after = []
        for minute in range(80):
            if store.due(10):
                hinted_after.append(minute)
            clock.advance(timedelta(minutes=1))
        assert hinted_after == [10, 20, 40, 80][:3]
        assert claim(store, BundleKey(session.id, 0)).lease.attempt == 1

    def test_a_lease_lapses_between_two_looks_and_not_at_the_first(
        self, store: SqliteStateStore, clock: VirtualClock
    ) -> None:
        session = submit(store, (0, 4))
        lease = claim(store, BundleKey(session.id, 0)).lease
        clock.advance(LEASE * 10)
        assert store.due(10) == []
        clock.advance(LEASE * 0.9)
        store.renew([lease])
        assert store.due(10) == []
        clock.advance(LEASE * 0.9)
        assert store.due(10) == []
        clock.advance(LEASE * 0.2)
        assert keys_of(store.due(10)) == [lease.key]

    def test_a_long_backlog_does_not_keep_a_lapse_from_being_told(
        self, store: SqliteStateStore, clock: VirtualClock
    ) -> None:
        session = session_of()
        store.create(session, bundles_of(session, 100))
        key = BundleKey(session.id, 50)
        claim(store, key)
        store.due(10)
        clock.advance(LEASE)
        hints = store.due(10, dry="default")
        assert hints[0].key == key
        assert len({hint.key for hint in hints}) == 10


class TestEnding:
    def test_a_cancel_leaves_no_bundle_to_look_past(self, store: SqliteStateStore) -> None:
        session = session_of()
        store.create(session, bundles_of(session, 5000))
        [counts] = store.cancel([session.id])
        assert counts.cancelled == 5000
        with store._database.reading() as connection:
            assert connection.execute("SELECT count(*) FROM bundles").fetchone() == (0,)

    def test_a_cancel_that_broke_off_is_swept_by_the_reaper(
        self, store: SqliteStateStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session = submit(store, (0, 4), (4, 8))
        claim(store, BundleKey(session.id, 0))
        with monkeypatch.context() as patched:
            patched.setattr(store, "_sweep", lambda: None)
            store.cancel([session.id])
        assert store.claim([BundleKey(session.id, 4)], agent=A, lease=LEASE) == []
        assert running(store, session) == 0
        assert store.due(10, dry="default") == []
        with store._database.reading() as connection:
            assert connection.execute("SELECT count(*) FROM bundles").fetchone() == (0,)

    def test_of_several_sessions_an_unknown_one_does_not_keep_the_others(self, store: SqliteStateStore) -> None:
        sessions = [submit(store, (0, 4)) for _ in range(2)]
        with pytest.raises(SessionNotFoundError, match="nobody"):
            store.cancel([sessions[0].id, session_of(id="nobody").id, sessions[1].id])
        assert {status.state for status in store.status([one.id for one in sessions])} == {SessionState.CANCELLED}

    def test_a_reader_that_waits_is_woken_by_an_end_that_brings_no_entry(self, folder: Path) -> None:
        with closing(SqliteStateStore(folder)) as store:
            sealed, deleted = submit(store), submit(store)
            soon = threading.Timer(0.02, store.seal, (sealed.id, 0))
            soon.start()
            assert store.outcomes(sealed.id, wait=timedelta(seconds=30)).entries == []
            soon.join()
            soon = threading.Timer(0.02, store.delete, (deleted.id,))
            soon.start()
            with pytest.raises(SessionNotFoundError):
                store.outcomes(deleted.id, wait=timedelta(seconds=30))
            soon.join()

    def test_a_page_of_entries_is_bounded_by_bytes_too(
        self, store: SqliteStateStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("htcgrid.local.reports._PAGE_BYTES", 1)
        session = submit(store, (0, 3))
        lease = claim(store, BundleKey(session.id, 0)).lease
        for flush in range(3):
            store.commit([commit_of(lease, tasks(flush, flush + 1), flush=flush)])
        cursor, seen = "", []
        while (page := store.outcomes(session.id, cursor)).entries:
            assert len(page.entries) == 1
            cursor = page.cursor
            seen += page.entries
        assert succeeded_in(seen) == [0, 1, 2]

    @pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "²"])
    def test_a_cursor_that_is_none_is_said_so(self, store: SqliteStateStore, cursor: str) -> None:
        session = submit(store)
        with pytest.raises(ConfigError, match="is not a cursor"):
            store.outcomes(session.id, cursor)
        with pytest.raises(ConfigError, match="is not a cursor"):
            store.sessions(cursor)

    def test_sessions_of_one_moment_are_listed_newest_first_and_once(self, store: SqliteStateStore) -> None:
        template = session_of()
        made = [msgspec.structs.replace(template, id=session_of().id) for _ in range(10)]
        for session in made:
            store.create(session)
        cursor: str | None = ""
        seen: list[str] = []
        while cursor is not None:
            page = store.sessions(cursor, limit=3)
            seen += [status.session.id for status in page.sessions]
            cursor = page.cursor
        assert seen == [session.id for session in reversed(made)]

    def test_a_session_past_its_retention_goes_and_leaves_its_id_taken(
        self, store: SqliteStateStore, clock: VirtualClock
    ) -> None:
        session = submit(store, (0, 4), sealed=True)
        open_session = submit(store, (0, 4))
        won = claim(store, BundleKey(session.id, 0))
        store.commit([commit_of(won.lease, won.open)])
        assert store.expired(10) == []
        clock.advance(defaults.KEEP_FOR)
        assert store.expired(10) == [session.id]
        with pytest.raises(SessionNotFoundError):
            store.status([session.id])
        assert not store.collect(session.id, 1)
        assert store.collect(session.id, 10)
        assert store.expired(10) == []
        with pytest.raises(ConflictError, match="was deleted"):
            store.create(session)
        assert not store.collect(open_session.id, 10)
        assert store.status([open_session.id])[0].total == 4

    def test_sessions_that_are_gone_make_no_look_slower(self, store: SqliteStateStore, clock: VirtualClock) -> None:
        def steps() -> int:
            """Return about how many steps of SQLite's machine a look takes."""
            counted = [0]

            def count() -> int:
                counted[0] += 1
                return 0

            with store._database.reading() as connection:
                connection.set_progress_handler(count, 1)
                collection.look(connection, clock(), 10)
                connection.set_progress_handler(None, 1)
            return counted[0]

        def collect(sessions: int) -> None:
            for _ in range(sessions):
                session = submit(store)
                store.delete(session.id)
                assert store.collect(session.id, 10)

        collect(5)
        # The first look of a connection reads the schema, too.
        steps()
        few = steps()
        collect(100)
        assert steps() <= few, "those that linger"
        clock.advance(defaults.LINGER)
        for _ in range(105):
            assert store.collect(store.expired(1)[0], 10)
        assert store.expired(10) == []
        assert steps() <= few, "those that were collected twice"


@given(st.sets(st.integers(0, 40), min_size=1))
def test_open_tasks_are_read_as_they_were_written(indexes: set[int]) -> None:
    ranges = Ranges.of_indexes(indexes)
    for start, stop in ((ranges.first, ranges.stop), (0, 50)):
        assert read_open(BundleKey(SessionId("s"), start), stop, written_open(start, stop, ranges)) == ranges
    assert written_open(3, 9, tasks(3, 9)) is None


@pytest.mark.parametrize(("stop", "told"), [(1, "task 0"), (3, "tasks 0 to 2")])
def test_a_conflict_names_the_tasks_that_are_other_ones(store: SqliteStateStore, stop: int, told: str) -> None:
    session = session_of()
    store.create(session, [bundle_of(session, 0, stop)])
    other = bundle_of(session, 0, stop, "other")
    with pytest.raises(ConflictError, match=f"session '{session.id}' has {told} with other content"):
        store.add(session.id, [other])


def test_the_late_hint_of_this_store_is_that_of_the_contract(store: SqliteStateStore, clock: VirtualClock) -> None:
    submit(store, (0, 1))
    clock.advance(HINTED_LATE - timedelta(seconds=1))
    assert store.due(10) == []
    clock.advance(timedelta(seconds=1))
    assert len(store.due(10)) == 1
