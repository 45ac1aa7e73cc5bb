"""What the task queue on Redis does beyond its contract."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
import redis

from htcgrid.model import BundleKey, Hint
from htcgrid.testing import VirtualClock
from htcgrid.testing.race import at_once
from htcgrid.testing.samples import new_id
from htcgrid_redis.queue import RedisTaskQueue
from htcgrid_redis.settings import RedisSettings

_LONG, _NO_WAIT = timedelta(seconds=5), timedelta(0)
_HINT = Hint(key=BundleKey(new_id(), 0))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def queue(redis_url: str, clock: VirtualClock) -> Iterator[RedisTaskQueue]:
    with closing(RedisTaskQueue(RedisSettings(url=redis_url, name=new_id()), clock=clock)) as queue:
        yield queue


def test_a_hint_that_nobody_acknowledged_is_back_after_half_a_minute_before_all_others(
    queue: RedisTaskQueue, clock: VirtualClock
) -> None:
    queue.send([_HINT])
    [first] = queue.receive(5, wait=_NO_WAIT, pool=_HINT.pool)
    other = Hint(key=BundleKey(new_id(), 1))
    queue.send([other])
    assert queue.depth(_HINT.pool) == 1
    clock.advance(timedelta(seconds=31))
    second = queue.receive(5, wait=_NO_WAIT, pool=_HINT.pool)
    assert [delivery.hint for delivery in second] == [first.hint, other]
    queue.ack(second)
    clock.advance(timedelta(seconds=31))
    assert queue.receive(5, wait=_NO_WAIT, pool=_HINT.pool) == []


def test_who_waits_has_a_hint_at_once(queue: RedisTaskQueue) -> None:
    took = []

    def receive() -> None:
        deliveries = queue.receive(1, wait=_LONG, pool=_HINT.pool)
        took.append(time.monotonic() - sent)
        assert [delivery.hint for delivery in deliveries] == [_HINT]

    for _ in range(5):
        thread = threading.Thread(target=receive)
        thread.start()
        time.sleep(0.1)
        sent = time.monotonic()
        queue.send([_HINT])
        thread.join()
    assert min(took) < 0.05


def test_all_who_wait_are_woken_and_others_wait_on(redis_url: str, queue: RedisTaskQueue) -> None:
    def receive() -> float:
        began = time.monotonic()
        assert queue.receive(3, wait=_LONG, pool=_HINT.pool) == []
        return time.monotonic() - began

    def receive_urgent() -> float:
        began = time.monotonic()
        assert queue.receive(3, wait=_LONG, pool=_HINT.pool, above=1) == []
        return time.monotonic() - began

    def wake() -> float:
        time.sleep(0.3)
        queue.wake()
        return 0.0

    assert max(at_once([receive, receive_urgent, wake])) < 3.0


def test_nothing_is_above_the_highest_priority(queue: RedisTaskQueue) -> None:
    queue.send([Hint(key=BundleKey(new_id(), 0), priority=3)])
    assert queue.receive(3, wait=_NO_WAIT, pool="default", above=3) == []


def test_a_hint_that_nobody_understands_is_set_aside(redis_url: str, queue: RedisTaskQueue) -> None:
    with redis.Redis.from_url(redis_url) as client:
        key = queue._layout.hints(_HINT.pool, 2)
        for wait in (_NO_WAIT, _LONG):
            queue.send([_HINT])
            client.lpush(key, "00123456789abcdefgarbage", "0")
            if wait:
                # So that the call takes the way of those that wait.
                queue._look_at[_HINT.pool] = time.monotonic() + 60
            found = queue.receive(5, wait=wait, pool=_HINT.pool)
            assert [delivery.hint for delivery in found] == [_HINT]
            queue.ack(found)
        # They are left as they are, and come again after an hour.
        assert queue._clock is not None
        aside = dict(client.zrange(queue._layout.held(_HINT.pool), 0, -1, withscores=True))
        assert set(aside) == {b"00123456789abcdefgarbage", b"0"}
        assert min(aside.values()) > (queue._clock() + 3500) * 1000
        assert queue.depth(_HINT.pool) == 0
