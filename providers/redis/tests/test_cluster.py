"""The Redis provider keeps the contracts on a cluster of several servers, too."""

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
def settings(redis_cluster_url: str) -> RedisSettings:
    """The settings of a grid of this test's own, with keys on each of the servers."""
    return RedisSettings(url=redis_cluster_url, name=new_id(), cluster=True, shards=8)


class TestStateOnACluster(StateStoreContract):
    examples = 20

    @pytest.fixture
    def store(self, settings: RedisSettings, clock: VirtualClock) -> Iterator[StateStore]:
        with closing(RedisStateStore(settings, clock=clock)) as store:
            yield store


class TestHintsOnACluster(TaskQueueContract):
    wait = timedelta(milliseconds=20)

    @pytest.fixture
    def queue(self, settings: RedisSettings, clock: VirtualClock) -> Iterator[TaskQueue]:
        with closing(RedisTaskQueue(settings, clock=clock)) as queue:
            yield queue


class TestPayloadsOnACluster(PayloadStoreContract):
    examples = 20

    @pytest.fixture
    def payloads(self, settings: RedisSettings) -> Iterator[PayloadStore]:
        with closing(RedisPayloadStore(settings)) as payloads:
            yield payloads
