"""The Redis provider keeps the contracts that every provider keeps, on a real server."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from htcgrid.interfaces import PayloadStore, StateStore, TaskQueue
from htcgrid.testing import PayloadStoreContract, StateStoreContract, TaskQueueContract, VirtualClock
from htcgrid.testing.samples import new_id
from htcgrid_redis.payloads import RedisPayloadStore
from htcgrid_redis.queue import RedisTaskQueue
from htcgrid_redis.settings import RedisSettings
from htcgrid_redis.state import RedisStateStore


@pytest.fixture
def settings(redis_url: str) -> RedisSettings:
    """The settings of a grid of this test's own."""
    return RedisSettings(url=redis_url, name=new_id())


class TestRedisStateStore(StateStoreContract):
    @pytest.fixture
    def store(self, settings: RedisSettings, clock: VirtualClock) -> Iterator[StateStore]:
        with closing(RedisStateStore(settings, clock=clock)) as store:
            yield store


class TestRedisTaskQueue(TaskQueueContract):
    wait = timedelta(milliseconds=20)

    @pytest.fixture
    def queue(self, settings: RedisSettings, clock: VirtualClock) -> Iterator[TaskQueue]:
        with closing(RedisTaskQueue(settings, clock=clock)) as queue:
            yield queue


class TestRedisPayloadStore(PayloadStoreContract):
    @pytest.fixture
    def payloads(self, settings: RedisSettings) -> Iterator[PayloadStore]:
        with closing(RedisPayloadStore(settings)) as payloads:
            yield payloads
