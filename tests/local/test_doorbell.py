"""Doorbells wake at once, and leave nothing behind."""

import errno
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest

from htcgrid.local import doorbell as bells
from htcgrid.local import network
from htcgrid.local.doorbell import Doorbell, pool_topic, session_topic
from htcgrid.local.network import Network
from htcgrid.local.queue import SqliteTaskQueue
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import Delivery
from htcgrid.testing.samples import bundle_of, session_of
from tests.quickest import quickest

LONG = 30.0
ONE, TWO = pool_topic("one"), pool_topic("two")


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
    with doorbell.listening(ONE) as listener:
        threading.Timer(0.02, doorbell.ring, (ONE,)).start()
        began = time.monotonic()
        assert listener.wait(LONG)
        assert time.monotonic() - began < LONG / 2


def test_a_ring_from_before_the_wait_is_not_lost(doorbell: Doorbell) -> None:
    with doorbell.listening(ONE) as listener:
        listener.drain()
        doorbell.ring(ONE)
        assert listener.wait(LONG)
        listener.drain()
        assert not listener.wait(0)


def test_all_who_listen_are_woken_and_no_others(doorbell: Doorbell, place: Path) -> None:
    with (
        closing(Doorbell(place)) as other,
        doorbell.listening(ONE) as one,
        other.listening(ONE) as two,
        other.listening(TWO) as three,
    ):
        doorbell.ring(ONE)
        assert one.wait(LONG)
        assert two.wait(LONG)
        assert not three.wait(0)


def test_ringing_where_nobody_listens_is_fine(doorbell: Doorbell, place: Path) -> None:
    doorbell.ring(ONE)
    doorbell.ring(session_topic("one"))
    assert sockets(place) == []


def test_more_rings_than_a_socket_holds_are_fine(doorbell: Doorbell) -> None:
    with doorbell.listening(ONE) as listener:
        for _ in range(2000):
            doorbell.ring(ONE)
        assert listener.wait(LONG)
        listener.drain()
        assert not listener.wait(0)


def test_listeners_that_do_not_look_keep_no_ring_from_others(doorbell: Doorbell, place: Path) -> None:
    # What they leave unread counts against the socket that rings: 200 KB of it here, of about a KB each.
    with ExitStack() as stack:
        idle = [stack.enter_context(closing(Doorbell(place))) for _ in range(64)]
        for other in idle:
            stack.enter_context(other.listening(ONE))
        for _ in range(16):
            doorbell.ring(ONE)
        listener = stack.enter_context(doorbell.listening(TWO))
        doorbell.ring(TWO)
        assert listener.wait(0)


def test_a_socket_is_kept_between_calls_and_taken_away_by_close(doorbell: Doorbell, place: Path) -> None:
    with doorbell.listening(ONE):
        bound = sockets(place)
    with doorbell.listening(ONE):
        assert sockets(place) == bound
    doorbell.close()
    assert sockets(place) == []


def test_only_some_idle_sockets_are_kept(doorbell: Doorbell, place: Path) -> None:
    for number in range(3 * bells._IDLE):
        with doorbell.listening(pool_topic(f"p{number}")):
            pass
    assert len(sockets(place)) == bells._IDLE


def test_what_a_killed_process_left_is_removed_by_the_next_ring(doorbell: Doorbell, place: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from htcgrid.local.doorbell import Doorbell, pool_topic
with Doorbell(Path(sys.argv[1])).listening(pool_topic("one")):
    os._exit(0)
"""
    env = os.environ | {"PYTHONPATH": "."}
    subprocess.run([sys.executable, "-c", code, place], check=True, timeout=60, env=env)
    assert len(sockets(place)) == 1
    doorbell.ring(ONE)
    assert sockets(place) == []


def test_where_no_socket_can_be_bound_waiting_still_ends(tmp_path: Path) -> None:
    (tmp_path / "bells").write_text("no folder")
    with closing(Doorbell(tmp_path / "bells")) as doorbell, doorbell.listening(ONE) as listener:
        doorbell.ring(ONE)
        listener.drain()
        assert not listener.wait(0.001)


def test_sessions_share_few_folders_and_pools_have_their_own() -> None:
    assert len({session_topic(f"session-{number}").folder for number in range(10_000)}) <= 256
    assert len({pool_topic(f"pool-{number}").folder for number in range(1000)}) == 1000


def test_who_waits_for_a_session_needs_no_file_and_hears_of_no_other(doorbell: Doorbell, place: Path) -> None:
    one, other = session_topic("one"), session_topic("other")
    with closing(Doorbell(place)) as elsewhere, doorbell.listening(one) as listener:
        assert sockets(place) == []
        elsewhere.ring(other)
        assert not listener.wait(0.01)
        elsewhere.ring(one)
        assert listener.wait(LONG)


def test_more_who_wait_for_a_session_than_there_are_names_hear_all_the_same(doorbell: Doorbell, place: Path) -> None:
    topic = session_topic("one")
    with ExitStack() as stack:
        listeners = [stack.enter_context(doorbell.listening(topic)) for _ in range(bells._PLACES + 2)]
        assert len(sockets(place)) == 2
        doorbell.ring(topic)
        assert all(listener.wait(LONG) for listener in listeners)


def test_where_processes_are_in_several_networks_all_bells_have_files(doorbell: Doorbell, place: Path) -> None:
    (place / "networks" / "another").write_text("its word")
    doorbell._network._looked = float("-inf")
    with doorbell.listening(session_topic("one")) as listener:
        assert len(sockets(place)) == 1
        doorbell.ring(session_topic("one"))
        assert listener.wait(LONG)


def test_all_processes_of_a_network_have_the_same_word_and_no_grid_has_that_of_another(tmp_path: Path) -> None:
    words = [Network(tmp_path / folder).address("x") for folder in ("one", "one", "two")]
    assert words[0] == words[1] != words[2]
    assert words[0].startswith("\0")


def test_who_waits_for_urgent_work_hears_of_no_other(folder: Path) -> None:
    with (
        closing(SqliteStateStore(folder)) as store,
        closing(Doorbell(folder / "bells")) as doorbell,
        doorbell.listening(pool_topic("default", 1)) as urgent,
        doorbell.listening(pool_topic("default")) as whoever,
    ):
        for priority, heard in ((0, False), (1, False), (2, True), (3, True)):
            session = session_of(priority=priority)
            store.create(session, [bundle_of(session, 0, 1)], sealed=True)
            assert whoever.wait(LONG)
            assert urgent.wait(0) is heard
            urgent.drain()
            whoever.drain()


def test_who_waits_for_urgent_work_finds_it_at_once(folder: Path) -> None:
    with closing(SqliteStateStore(folder)) as store, closing(SqliteTaskQueue(folder)) as queue:

        def waited() -> float:
            session = session_of(priority=2)
            soon = threading.Timer(0.02, store.create, (session, [bundle_of(session, 0, 1)]))
            soon.start()
            began = time.monotonic()
            [delivery] = queue.receive(5, wait=timedelta(seconds=LONG), pool=session.pool, above=1)
            took = time.monotonic() - began
            soon.join()
            assert delivery.hint.key.session == session.id
            store.cancel([session.id])
            return took

        # It looks twice a second by itself.
        assert quickest(waited, 0.2) < 0.2


def test_where_the_word_cannot_be_had_bells_have_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_: Path, now: float) -> str:
        raise PermissionError

    monkeypatch.setattr(network, "_word", failing)
    assert not Network(tmp_path).is_only


def test_while_one_looks_at_the_networks_others_go_by_the_last_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Network(tmp_path)
    looking, go_on = threading.Event(), threading.Event()
    others = network._others

    def slow(file: Path, now: float) -> int:
        looking.set()
        assert go_on.wait(60)
        return others(file, now)

    monkeypatch.setattr(network, "_others", slow)
    monkeypatch.setattr(found, "_looked", float("-inf"))
    thread = threading.Thread(target=found.address, args=("a",))
    thread.start()
    assert looking.wait(60)
    only = found.is_only
    go_on.set()
    thread.join()
    assert only == found.is_only == (sys.platform == "linux")


def test_a_network_that_is_gone_for_long_is_forgotten(doorbell: Doorbell, place: Path) -> None:
    gone = place / "networks" / "another"
    gone.write_text("its word")
    os.utime(gone, (0, 0))
    with doorbell.listening(session_topic("one")):
        assert sockets(place) == []


def test_a_folder_that_was_emptied_is_filled_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_LOOK", 0.0)
    topic = session_topic("one")
    with closing(Doorbell(place)) as one:
        shutil.rmtree(place)
        with closing(Doorbell(place)) as other, one.listening(topic) as listener:
            other.ring(topic)
            assert listener.wait(LONG)


def test_where_no_descriptor_is_left_waiting_still_ends(doorbell: Doorbell, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> socket.socket:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(bells, "_datagrams", failing)
    for topic in (ONE, session_topic("one")):
        with doorbell.listening(topic) as listener:
            listener.drain()
            assert not listener.wait(0.001)


def test_a_waiting_agent_hears_of_work_and_a_waiting_reader_of_the_end(folder: Path) -> None:
    wait = timedelta(seconds=LONG)
    with closing(SqliteStateStore(folder)) as store, closing(SqliteTaskQueue(folder)) as queue:

        def waited() -> float:
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
            took = time.monotonic() - began
            soon.join()
            return took

        assert quickest(waited, 0.25) < 0.25


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

        def counted(limit: int, pool: str, above: int | None) -> tuple[list[Delivery], float]:
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
