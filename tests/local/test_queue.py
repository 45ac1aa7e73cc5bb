"""The queue is a look at the pending bundles."""

import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

import pytest

from htcgrid.local import backlog
from htcgrid.local.queue import SqliteTaskQueue
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import AgentId, AgentReport, BundleKey, Delivery, Hint, Remainder, Session, SessionId
from htcgrid.testing import VirtualClock
from htcgrid.testing.samples import bundle_of, bundles_of, commit_of, keys_of, session_of, tasks

NOW = timedelta(0)
LEASE = timedelta(seconds=30)
A = AgentId("agent-1")


def receive(queue: SqliteTaskQueue, limit: int = 100, pool: str = "default") -> list[Hint]:
    return [delivery.hint for delivery in queue.receive(limit, wait=NOW, pool=pool)]


def submit(store: SqliteStateStore, count: int = 1, **fields: object) -> Session:
    session = session_of(**fields)
    store.create(session, bundles_of(session, count, tasks=2))
    return session


def test_a_pending_bundle_is_received_until_it_is_claimed(store: SqliteStateStore, queue: SqliteTaskQueue) -> None:
    session = submit(store, priority=2)
    [hint] = receive(queue)
    assert hint == Hint(key=BundleKey(session.id, 0), pool="default", priority=2, tasks=2)
    queue.send([hint, hint])
    queue.ack([Delivery(hint=hint)])
    assert receive(queue) == [hint]
    store.claim([hint.key], agent=A, lease=LEASE)
    queue.send([hint])
    assert receive(queue) == []
    assert queue.depth("default") == 0


def test_priorities_come_highest_first_and_sessions_in_their_order(
    store: SqliteStateStore, queue: SqliteTaskQueue
) -> None:
    low, first, second, high = (submit(store, 2, priority=priority) for priority in (0, 1, 1, 3))
    order = [hint.key.session for hint in receive(queue)]
    assert order == [one.id for one in (high, high, first, first, second, second, low, low)]
    assert queue.depth("default") == 8


def test_pools_are_kept_apart(store: SqliteStateStore, queue: SqliteTaskQueue) -> None:
    here, there = submit(store), submit(store, pool="gpu")
    assert [hint.key.session for hint in receive(queue)] == [here.id]
    assert [hint.key.session for hint in receive(queue, pool="gpu")] == [there.id]


def register(store: SqliteStateStore, *names: str, pool: str = "default", ended: bool = False) -> None:
    for name in names:
        store.register(AgentReport(id=AgentId(name), pool=pool, started=datetime.now(UTC), ended=ended))


def test_agents_that_look_at_one_front_do_not_all_see_the_same(store: SqliteStateStore, queue: SqliteTaskQueue) -> None:
    register(store, "one", "another")
    submit(store, 100)
    urgent = submit(store, 5, priority=3)
    starts = set()
    for _ in range(50):
        found = receive(queue, limit=10)
        assert [hint.key.session for hint in found[:5]] == [urgent.id] * 5
        starts.add(receive(queue, limit=2)[0].key.start)
    assert len(starts) > 1


@pytest.mark.parametrize("others", ["none", "have not reported", "have ended", "are lost", "serve another pool"])
@pytest.mark.parametrize("limit", [1, 2, 7, 40])
def test_an_agent_that_is_alone_sees_the_front_in_its_order(
    store: SqliteStateStore, queue: SqliteTaskQueue, clock: VirtualClock, others: str, limit: int
) -> None:
    if others == "are lost":
        register(store, "lost-1", "lost-2")
        clock.advance(timedelta(minutes=1))
    if others != "have not reported":
        register(store, "lone")
    if others == "have ended":
        register(store, "ended-1", "ended-2", ended=True)
    if others == "serve another pool":
        register(store, "elsewhere-1", "elsewhere-2", pool="gpu")
    sessions = [submit(store, 50), submit(store, 50)]
    order = [(session.id, start) for session in sessions for start in range(0, 100, 2)]
    taken: list[tuple[SessionId, int]] = []
    while hints := receive(queue, limit=limit):
        store.claim([hint.key for hint in hints], agent=A, lease=LEASE)
        taken += [(hint.key.session, hint.key.start) for hint in hints]
    assert taken == order


def test_retries_whose_delay_has_passed_come_before_the_backlog(
    store: SqliteStateStore, queue: SqliteTaskQueue, clock: VirtualClock
) -> None:
    session = submit(store, 10)
    [won] = store.claim([BundleKey(session.id, 8)], agent=A, lease=LEASE)
    store.give_back(won.lease, [Remainder(ranges=won.open, delay=timedelta(seconds=5))])
    assert won.key not in keys_of(receive(queue))
    assert queue.depth("default") == 9
    clock.advance(timedelta(seconds=5))
    assert receive(queue)[0].key == won.key


def test_what_was_begun_before_comes_before_what_was_not_whichever_session_is_older(
    store: SqliteStateStore, queue: SqliteTaskQueue, clock: VirtualClock
) -> None:
    older, newer = submit(store, 10), submit(store, 4)
    returned, lost = store.claim([BundleKey(newer.id, 0), BundleKey(newer.id, 2)], agent=A, lease=LEASE)
    store.give_back(returned.lease, [Remainder(ranges=returned.open)])
    store.due(10)
    clock.advance(LEASE * 1.1)
    store.due(10)
    for _ in range(10):
        assert {hint.key for hint in receive(queue, limit=2)} == {returned.key, lost.key}
    assert [(hint.key.session, hint.again) for hint in receive(queue)] == [
        *[(newer.id, True)] * 2,
        *[(older.id, False)] * 10,
        *[(newer.id, False)] * 2,
    ]


def test_what_is_suspect_stands_behind_all_else_and_one_of_it_is_always_told_of(
    store: SqliteStateStore, queue: SqliteTaskQueue, clock: VirtualClock
) -> None:
    older = submit(store, 10)
    lost = [BundleKey(older.id, start) for start in range(0, 20, 4)]
    for _ in range(2):
        store.claim(lost, agent=A, lease=LEASE)
        store.due(10)
        clock.advance(LEASE * 1.1)
        store.due(10)
    newer = submit(store, 10)
    others = [BundleKey(older.id, start) for start in range(2, 20, 4)]
    others += [BundleKey(newer.id, start) for start in range(0, 20, 2)]
    assert [(hint.key, hint.suspect) for hint in receive(queue)] == [(key, False) for key in others] + [
        (key, True) for key in lost
    ]
    told = set()
    for _ in range(60):
        hints = receive(queue, limit=4)
        assert [hint.suspect for hint in hints] == [False, False, False, True]
        told.add(hints[-1].key)
    assert len(told) > 1


def test_bundles_of_sessions_that_are_over_are_not_received(store: SqliteStateStore, queue: SqliteTaskQueue) -> None:
    cancelled, deleted = submit(store), submit(store)
    store.cancel([cancelled.id])
    store.delete(deleted.id)
    assert receive(queue) == []


def test_who_waits_is_woken_by_each_way_of_becoming_pending(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("htcgrid.local.queue._POLL", 3600.0)
    session = session_of()
    with closing(SqliteStateStore(folder)) as store, closing(SqliteTaskQueue(folder)) as queue:

        def woken(soon: threading.Timer) -> BundleKey:
            soon.start()
            # By itself it would look later than the test may take.
            [delivery] = queue.receive(10, wait=timedelta(hours=2), pool="default")
            soon.join()
            return delivery.hint.key

        store.create(session)
        key = woken(threading.Timer(0.02, store.add, (session.id, [bundle_of(session, 0, 4)])))
        [won] = store.claim([key], agent=A, lease=LEASE)
        key = woken(threading.Timer(0.02, store.give_back, (won.lease, [Remainder(ranges=tasks(2, 4))])))
        store.claim([key], agent=A, lease=LEASE)
        store.commit([commit_of(won.lease, tasks(0, 1))])
        whole = [Remainder(ranges=tasks(1, 2), delay=timedelta(seconds=0.1))]
        assert woken(threading.Timer(0.0, store.give_back, (won.lease, whole))) == won.key


def test_hints_of_sessions_in_another_state_store_are_kept(queue: SqliteTaskQueue, clock: VirtualClock) -> None:
    hints = [Hint(key=BundleKey(session_of().id, 0), priority=priority) for priority in (1, 3, 0)]
    queue.send(hints)
    assert queue.depth("default") == 3
    first = queue.receive(2, wait=NOW, pool="default")
    assert [delivery.hint for delivery in first] == [hints[1], hints[0]]
    [second] = queue.receive(5, wait=NOW, pool="default")
    queue.ack([*first, *first])
    assert queue.receive(5, wait=NOW, pool="default") == []
    clock.advance(timedelta(seconds=61))
    [again] = queue.receive(5, wait=NOW, pool="default")
    assert again.hint == second.hint
    queue.ack([again])
    assert queue.depth("default") == 0


def test_kept_hints_and_bundles_come_by_priority(store: SqliteStateStore, queue: SqliteTaskQueue) -> None:
    session = submit(store, priority=2)
    high, low = (Hint(key=BundleKey(session_of().id, 0), priority=priority) for priority in (3, 1))
    queue.send([low, high])
    assert keys_of(receive(queue)) == [high.key, BundleKey(session.id, 0), low.key]


def test_a_kept_hint_wakes_who_waits(folder: Path) -> None:
    hint = Hint(key=BundleKey(session_of().id, 0), pool="gpu")
    with closing(SqliteTaskQueue(folder)) as queue:
        soon = threading.Timer(0.02, queue.send, ([hint],))
        soon.start()
        [delivery] = queue.receive(1, wait=timedelta(seconds=30), pool="gpu")
        soon.join()
        assert delivery.hint == hint


def test_delayed_bundles_of_other_pools_make_no_look_slower(folder: Path) -> None:
    with closing(SqliteStateStore(folder)) as store, closing(SqliteTaskQueue(folder)) as queue:

        def steps() -> int:
            """Return about how many steps of SQLite's machine a look in vain takes."""
            counted = [0]

            def count() -> int:
                counted[0] += 1
                return 0

            with queue._database.reading() as connection:
                connection.set_progress_handler(count, 1)
                found = backlog.glance(connection, "default", time.time())
                connection.set_progress_handler(None, 1)
            assert (found.priorities, found.stored, found.next_due) == ([], False, inf)
            return counted[0]

        def delay(bundles: int) -> None:
            session = session_of(pool="others")
            made = bundles_of(session, bundles)
            store.create(session, made)
            claims = store.claim(keys_of(made), agent=A, lease=LEASE)
            for claim in claims:
                store.give_back(claim.lease, [Remainder(ranges=claim.open, delay=timedelta(hours=1))])

        delay(2)
        # The first look of a connection reads the schema, too.
        steps()
        few = steps()
        delay(200)
        assert steps() <= few
