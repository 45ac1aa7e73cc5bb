"""What the interfaces in memory do beyond their contracts: waiting in real time, and being repeatable."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from threading import Timer

from htcgrid.interfaces import Source, StateStore
from htcgrid.model import AgentId, BundleKey, Commit, Hint, Pool, Session
from htcgrid.testing import (
    MemoryComputeBackend,
    MemoryPayloadStore,
    MemoryStateStore,
    MemoryTaskQueue,
    VirtualClock,
)
from htcgrid.testing.memory.state import MemorySettings
from htcgrid.testing.samples import bundles_of, commit_of, keys_of, session_of, succeeded_in

_LONG = timedelta(seconds=20)


def _claimed(store: StateStore, bundles: int) -> tuple[Session, list[Commit]]:
    session = session_of()
    store.create(session, bundles_of(session, bundles))
    keys = keys_of(bundles_of(session, bundles))
    claims = store.claim(keys, agent=AgentId("a"), lease=_LONG)
    return session, [commit_of(claim.lease, claim.open) for claim in claims]


def test_a_reader_wakes_when_an_outcome_comes() -> None:
    store = MemoryStateStore()
    session, commits = _claimed(store, 1)
    began = time.monotonic()
    Timer(0.05, lambda: store.commit(commits)).start()
    assert succeeded_in(store.outcomes(session.id, wait=_LONG).entries) == [0]
    assert 0.04 < time.monotonic() - began < 10


def test_a_reader_wakes_when_the_session_is_cancelled() -> None:
    store = MemoryStateStore()
    session, _ = _claimed(store, 1)
    Timer(0.05, lambda: store.cancel([session.id])).start()
    assert store.outcomes(session.id, wait=_LONG).closed


def test_a_reader_waits_no_longer_than_it_said() -> None:
    store = MemoryStateStore()
    session, _ = _claimed(store, 1)
    began = time.monotonic()
    assert store.outcomes(session.id, wait=timedelta(seconds=0.05)).entries == []
    assert 0.04 < time.monotonic() - began < 10


def test_a_receiver_wakes_when_a_hint_comes() -> None:
    queue = MemoryTaskQueue()
    hint = Hint(key=BundleKey(session_of().id, 0))
    Timer(0.05, lambda: queue.send([hint])).start()
    assert [delivery.hint for delivery in queue.receive(1, wait=_LONG, pool="default")] == [hint]


def test_nobody_waits_in_virtual_time() -> None:
    clock = VirtualClock()
    store, queue = MemoryStateStore(clock=clock), MemoryTaskQueue(clock=clock)
    session, _ = _claimed(store, 1)
    began = time.monotonic()
    assert store.outcomes(session.id, wait=_LONG).entries == []
    assert queue.receive(1, wait=_LONG, pool="default") == []
    assert time.monotonic() - began < 10


def test_the_same_seed_gives_the_same_nonces() -> None:
    stores = [MemoryStateStore(random=Random(seed)) for seed in (7, 7, 8)]
    nonces = [[commit.lease.nonce for commit in _claimed(store, 3)[1]] for store in stores]
    assert nonces[0] == nonces[1] != nonces[2]


def test_several_logs_are_all_used() -> None:
    store = MemoryStateStore(logs=4)
    session, commits = _claimed(store, 20)
    store.commit(commits)
    page = store.outcomes(session.id)
    assert len(page.entries) == 4
    assert succeeded_in(page.entries) == list(range(20))
    store.cancel([session.id])
    assert sum(entry.closing for entry in store.outcomes(session.id).entries) == 4


def test_a_hint_that_nobody_acknowledged_comes_again() -> None:
    clock = VirtualClock()
    queue = MemoryTaskQueue(clock=clock)
    queue.send([Hint(key=BundleKey(session_of().id, 0))])
    [first] = queue.receive(5, wait=_LONG, pool="default")
    assert queue.receive(5, wait=_LONG, pool="default") == []
    clock.advance(timedelta(seconds=31))
    assert queue.depth("default") == 1
    assert queue.receive(5, wait=_LONG, pool="default") == [first]
    assert queue.depth("default") == 0


def test_a_backend_starts_and_drains_what_it_was_given() -> None:
    told = list[str]()

    def start(pool: Pool, agent: AgentId) -> Callable[[], None]:
        told.append(f"start {agent} of {pool.workers}")
        return lambda: told.append(f"drain {agent}")

    compute = MemoryComputeBackend(start=start, clock=VirtualClock())
    compute.apply(Pool(name="p", workers=3))
    compute.scale("p", 1)
    compute.drain([AgentId("p-1")])
    compute.drain([AgentId("p-1")])
    assert told == ["start p-1 of 3", "drain p-1"]
    assert [agent.draining for agent in compute.agents("p")] == [True]
    compute.ended(AgentId("p-1"))
    assert compute.agents("p") == []


def test_every_twin_is_opened_from_its_settings(tmp_path: Path) -> None:
    source = Source(file=None, folder=tmp_path, table="[state]")
    store = MemoryStateStore.open(MemorySettings(logs=3), source)
    session, _ = _claimed(store, 1)
    store.cancel([session.id])
    assert len(store.outcomes(session.id).entries) == 3
    for twin in (MemoryTaskQueue, MemoryPayloadStore, MemoryComputeBackend):
        twin.open(twin.Settings(), source).close()


def test_twins_and_handlers_are_had_without_pytest() -> None:
    script = "import sys, htcgrid.testing.handlers, htcgrid.testing.memory; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
