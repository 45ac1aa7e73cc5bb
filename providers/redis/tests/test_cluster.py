"""The Redis provider keeps the contracts on a cluster of several servers, too."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from redis.crc import key_slot

from htcgrid import Grid
from htcgrid.interfaces import PayloadStore, StateStore, TaskQueue
from htcgrid.testing import PayloadStoreContract, StateStoreContract, TaskQueueContract, VirtualClock
from htcgrid.testing.samples import new_id
from htcgrid_redis.payloads import RedisPayloadStore
from htcgrid_redis.queue import RedisTaskQueue
from htcgrid_redis.settings import RedisSettings
from htcgrid_redis.state import RedisStateStore
from tests.emulators.redis_server import RedisClusterProcesses


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


_TOML = """
[state]
provider = "redis"
url = "{url}"
name = "{name}"
cluster = true
shards = 3
timeout = 3

[agent]
handlers = ["htcgrid.testing.handlers:*"]
workers = 1
lease = 3
heartbeat = 0.5
"""


def test_nothing_is_lost_while_the_slots_of_a_working_grid_move(
    redis_cluster: RedisClusterProcesses, tmp_path: Path
) -> None:
    name, file = new_id(), tmp_path / "grid.toml"
    file.write_text(_TOML.format(url=redis_cluster.url, name=name))
    tags = ["0", "1", "2", "q:default", "agents"]
    slots = [key_slot(tag.encode()) for tag in tags]
    stop, moved = threading.Event(), []

    def move() -> None:
        for turn in count():
            for slot in slots:
                moved.append(redis_cluster.move(slot, turn % 3, pause=0.002))
                if stop.is_set():
                    return

    command = [sys.executable, "-m", "htcgrid.cli", "agent", "--config", str(file), "--log", "json"]
    with (tmp_path / "agents.log").open("wb") as log:
        agents = [subprocess.Popen(command, stdout=log, stderr=log) for _ in range(2)]
    mover = threading.Thread(target=move)
    try:
        with Grid.open(file) as grid:
            assert grid.submit("htcgrid.testing.handlers:echo", [0]).results(timeout=60) == [0]
            mover.start()
            tasks = [[number * 10_000 + task for task in range(3000)] for number in range(8)]
            sessions = [grid.submit("htcgrid.testing.handlers:echo", some, id=f"s{some[0]}") for some in tasks]
            slow = grid.submit("htcgrid.testing.handlers:sleep", [0.02] * 300)
            for session, some in zip(sessions, tasks, strict=True):
                assert session.results(timeout=60) == some
            assert slow.results(timeout=60) == [0.02] * 300
            assert all(session.status().succeeded == 3000 for session in sessions)
    finally:
        stop.set()
        if mover.ident:
            mover.join()
        for agent in agents:
            agent.terminate()
        ends = [agent.wait(60) for agent in agents]
    assert ends == [0, 0], (tmp_path / "agents.log").read_text()[-3000:]
    # It was not over before it began.
    assert sum(moved) > 100
