"""The task queue keeps the contract of all task queues, and what is its own."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Timer

import pytest

from htcgrid.interfaces import TaskQueue
from htcgrid.model import BundleKey, Hint
from htcgrid.testing import TaskQueueContract, VirtualClock
from htcgrid.testing.samples import new_id
from htcgrid_folder.queue import FolderTaskQueue

_LONG, _NO_WAIT = timedelta(seconds=20), timedelta(0)
_HINT = Hint(key=BundleKey(new_id(), 0))


class TestFolderTaskQueue(TaskQueueContract):
    wait = timedelta(milliseconds=20)

    @pytest.fixture
    def queue(self, clock: VirtualClock, tmp_path: Path) -> Iterator[TaskQueue]:
        with closing(FolderTaskQueue(tmp_path, now=clock)) as queue:
            yield queue


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def queue(tmp_path: Path, clock: VirtualClock) -> FolderTaskQueue:
    return FolderTaskQueue(tmp_path, visibility=timedelta(seconds=30), now=clock)


def test_a_hint_that_nobody_acknowledged_is_back_after_the_visibility(
    queue: FolderTaskQueue, clock: VirtualClock
) -> None:
    queue.send([_HINT])
    [first] = queue.receive(5, wait=_NO_WAIT, pool=_HINT.pool)
    clock.advance(timedelta(seconds=29))
    assert queue.receive(5, wait=_NO_WAIT, pool=_HINT.pool) == []
    clock.advance(timedelta(seconds=1))
    [second] = queue.receive(5, wait=_NO_WAIT, pool=_HINT.pool)
    assert second.hint == first.hint


def test_an_ack_that_comes_too_late_leaves_the_hint_to_who_has_it_now(
    queue: FolderTaskQueue, clock: VirtualClock
) -> None:
    queue.send([_HINT])
    late = queue.receive(1, wait=_NO_WAIT, pool=_HINT.pool)
    clock.advance(timedelta(minutes=1))
    assert len(queue.receive(1, wait=_NO_WAIT, pool=_HINT.pool)) == 1
    queue.ack(late)
    clock.advance(timedelta(minutes=1))
    current = queue.receive(1, wait=_NO_WAIT, pool=_HINT.pool)
    assert [delivery.hint for delivery in current] == [_HINT]
    queue.ack(current)
    clock.advance(timedelta(minutes=1))
    assert queue.receive(1, wait=_NO_WAIT, pool=_HINT.pool) == []


def test_a_hint_of_another_machine_is_received_while_one_waits(tmp_path: Path) -> None:
    here, there = FolderTaskQueue(tmp_path), FolderTaskQueue(tmp_path)
    Timer(0.05, there.send, [[_HINT]]).start()
    assert [delivery.hint for delivery in here.receive(1, wait=_LONG, pool=_HINT.pool)] == [_HINT]


def test_whoever_waits_is_let_go_when_the_queue_is_closed(tmp_path: Path) -> None:
    queue = FolderTaskQueue(tmp_path)
    began = time.monotonic()
    Timer(0.05, queue.close).start()
    assert queue.receive(1, wait=_LONG, pool="default") == []
    assert time.monotonic() - began < 10
    queue.close()


def test_a_damaged_hint_is_thrown_away(queue: FolderTaskQueue, tmp_path: Path) -> None:
    queue.send([_HINT])
    [file] = [place for place in tmp_path.rglob("*") if place.is_file()]
    file.write_bytes(b"{")
    assert queue.receive(1, wait=_NO_WAIT, pool=_HINT.pool) == []
    assert queue.depth("default") == 0
