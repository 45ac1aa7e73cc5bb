"""Doorbells wake at once, and leave nothing behind."""

import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from htcgrid.local import doorbell as bells
from htcgrid.local.doorbell import Doorbell, pool_topic, session_topic
from htcgrid.local.queue import SqliteTaskQueue
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import Delivery
from htcgrid.testing.samples import bundle_of, session_of

LONG = 30.0


def sockets(place: Path) -> list[Path]:
    """Return the sockets of all topics."""
    return [file for file in place.rglob("*") if file.is_socket()]


@pytest.fixture(params=["short", "long"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder, also one whose name is longer than a socket's address may be."""
    return tmp_path / "bells" if request.param == "short" else tmp_path.joinpath(*["a-rather-long-name"] * 10, "bells")


@pytest.fixture
def doorbell(place: Path) -> Iterator[Doorbell]:
    with closing(Doorbell(place)) as doorbell:
        yield doorbell


def test_a_ring_wakes_who_listens_much_sooner_than_looking_would(doorbell: Doorbell) -> None:
    with doorbell.listening("p1") as listener:
        threading.Timer(0.02, doorbell.ring, ("p1",)).start()
        began = time.monotonic()
        assert listener.wait(LONG)
        assert time.monotonic() - began < 0.2


def test_a_ring_from_before_the_wait_is_not_lost(doorbell: Doorbell) -> None:
    with doorbell.listening("p1") as listener:
        listener.drain()
        doorbell.ring("p1")
        assert listener.wait(LONG)
        listener.drain()
        assert not listener.wait(0)


def test_all_who_listen_are_woken_and_no_others(doorbell: Doorbell, place: Path) -> None:
    with (
        closing(Doorbell(place)) as other,
        doorbell.listening("p1") as one,
        other.listening("p1") as two,
        other.listening("p2") as three,
    ):
        doorbell.ring("p1")
        assert one.wait(LONG)
        assert two.wait(LONG)
        assert not three.wait(0)


def test_ringing_where_nobody_listens_is_fine(doorbell: Doorbell, place: Path) -> None:
    doorbell.ring("p1")
    assert not place.exists()


def test_more_rings_than_a_socket_holds_are_fine(doorbell: Doorbell) -> None:
    with doorbell.listening("p1") as listener:
        for _ in range(2000):
            doorbell.ring("p1")
        assert listener.wait(LONG)
        listener.drain()
        assert not listener.wait(0)


def test_a_socket_is_kept_between_calls_and_taken_away_by_close(doorbell: Doorbell, place: Path) -> None:
    with doorbell.listening("p1"):
        bound = sockets(place)
    with doorbell.listening("p1"):
        assert sockets(place) == bound
    doorbell.close()
    assert sockets(place) == []


def test_only_some_idle_sockets_are_kept(doorbell: Doorbell, place: Path) -> None:
    for number in range(3 * bells._IDLE):
        with doorbell.listening(f"p{number}"):
            pass
    assert len(sockets(place)) == bells._IDLE


def test_what_a_killed_process_left_is_removed_by_the_next_ring(doorbell: Doorbell, place: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from htcgrid.local.doorbell import Doorbell
with Doorbell(Path(sys.argv[1])).listening("p1"):
    os._exit(0)
"""
    env = os.environ | {"PYTHONPATH": "."}
    subprocess.run([sys.executable, "-c", code, place], check=True, timeout=60, env=env)
    assert len(sockets(place)) == 1
    doorbell.ring("p1")
    assert sockets(place) == []


def test_where_no_socket_can_be_bound_waiting_still_ends(tmp_path: Path) -> None:
    (tmp_path / "bells").write_text("no folder")
    with closing(Doorbell(tmp_path / "bells")) as doorbell, doorbell.listening("p1") as listener:
        doorbell.ring("p1")
        listener.drain()
        assert not listener.wait(0.001)


def test_sessions_share_few_topics_and_pools_have_their_own() -> None:
    assert len({session_topic(f"session-{number}") for number in range(10_000)}) <= 256
    assert len({pool_topic(f"pool-{number}") for number in range(1000)}) == 1000


def test_a_waiting_agent_hears_of_work_and_a_waiting_reader_of_the_end(folder: Path) -> None:
    wait = timedelta(seconds=LONG)
    with closing(SqliteStateStore(folder)) as store, closing(SqliteTaskQueue(folder)) as queue:
        session = session_of()
        soon = threading.Timer(0.02, store.create, (session, [bundle_of(session, 0, 1)]))
        soon.start()
        began = time.monotonic()
        [delivery] = queue.receive(5, wait=wait, pool=session.pool)
        assert delivery.hint.key.session == session.id
        soon.join()
        soon = threading.Timer(0.02, store.cancel, ([session.id],))
        soon.start()
        assert store.outcomes(session.id, wait=wait).closed
        assert time.monotonic() - began < 0.25
        soon.join()


def cost_of_waiting(times: int) -> float:
    """Return the processor's seconds that waiting for nothing takes, half a second each: some machines count much."""
    here, there = os.pipe()
    try:
        before = time.thread_time()
        for _ in range(times):
            select.select([here], [], [], 0.5)
        return time.thread_time() - before
    finally:
        os.close(here)
        os.close(there)


def test_an_idle_agent_looks_twice_a_second_and_costs_almost_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SqliteTaskQueue(folder)) as queue:
        look, looks = queue._look, list[int]()

        def counted(limit: int, pool: str, above: int | None) -> list[Delivery]:
            looks.append(limit)
            return look(limit, pool, above)

        monkeypatch.setattr(queue, "_look", counted)
        queue.receive(5, wait=timedelta(0), pool="default")
        looks.clear()
        before = time.thread_time()
        assert queue.receive(5, wait=timedelta(seconds=1.5), pool="default") == []
        spent = time.thread_time() - before
        # Before it waits, when it does, twice a second, and at the end.
        assert len(looks) <= 2 + 3 + 1
        # A wait for the bell, and a look at the file, is a few of the machine's own.
        assert spent < 0.015 + 10 * cost_of_waiting(3)
