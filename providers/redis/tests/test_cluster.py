"""The Redis provider keeps the contracts on a cluster of several servers, too."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

import pytest
import redis
from redis.crc import key_slot

from htcgrid import Grid
from htcgrid.errors import ProviderUnavailableError
from htcgrid.interfaces import PayloadStore, StateStore, TaskQueue
from htcgrid.testing import PayloadStoreContract, StateStoreContract, TaskQueueContract, VirtualClock
from htcgrid.testing.samples import new_id, session_of
from htcgrid_redis.payloads import RedisPayloadStore
from htcgrid_redis.queue import RedisTaskQueue
from htcgrid_redis.settings import RedisSettings
from htcgrid_redis.state import RedisStateStore
from tests.emulators.patience import patiently
from tests.emulators.redis_server import DURABLE, RedisClusterProcesses


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


@contextmanager
def agents_of(file: Path, count: int = 2) -> Iterator[None]:
    """Run agents, which end well."""
    command = [sys.executable, "-P", "-m", "htcgrid.cli", "agent", "--config", str(file), "--log", "json"]
    log = file.with_name("agents.log")
    with log.open("wb") as output:
        agents = [subprocess.Popen(command, stdout=output, stderr=output) for _ in range(count)]
    try:
        yield
    finally:
        for agent in agents:
            agent.terminate()
        ends = [agent.wait(60) for agent in agents]
    assert ends == [0] * count, log.read_text()[-3000:]


def test_a_grid_outlives_each_node_of_its_cluster(tmp_path: Path) -> None:
    cluster = RedisClusterProcesses(tmp_path / "cluster", DURABLE)
    cluster.start()
    file = tmp_path / "grid.toml"
    file.write_text(_TOML.format(url=cluster.url, name=new_id()))
    try:
        with agents_of(file), Grid.open(file) as grid:
            sessions = [grid.submit("htcgrid.testing.handlers:sleep", [0.05] * 100, id=f"s{n}") for n in range(6)]
            for node in cluster.nodes:
                node.kill()
                time.sleep(1)
                node.start()
            for session in sessions:
                assert session.results(timeout=120) == [0.05] * 100
            for node in cluster.nodes:
                node.kill()
            with pytest.raises(ProviderUnavailableError):
                sessions[0].status()
            for node in cluster.nodes:
                node.start()
            assert patiently(sessions[0].status).succeeded == 100
    finally:
        cluster.stop()


def test_who_waits_on_a_cluster_when_it_is_closed_is_told(settings: RedisSettings) -> None:
    session, told = session_of(), []
    store = RedisStateStore(settings)
    store.create(session)

    def wait() -> None:
        try:
            store.outcomes(session.id, wait=timedelta(seconds=4))
        except ProviderUnavailableError as error:
            told.append(str(error))

    reader = threading.Thread(target=wait)
    reader.start()
    time.sleep(0.3)
    store.close()
    reader.join(20)
    assert not reader.is_alive()
    assert len(told) == 1


def test_one_node_that_evicts_keys_is_found_each_time(
    redis_cluster: RedisClusterProcesses, settings: RedisSettings
) -> None:
    with closing(RedisStateStore(settings)) as store, redis.Redis(port=redis_cluster.nodes[1].port) as client:
        try:
            client.config_set("maxmemory", 100 << 20)
            client.config_set("maxmemory-policy", "allkeys-lru")
            for _ in range(5):
                grave, *others = store.concerns()
                assert grave.grave
                assert f"127.0.0.1:{redis_cluster.nodes[1].port} evicts keys" in grave.message
                assert not any(concern.grave for concern in others)
        finally:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 0)


def test_an_idle_reaper_asks_a_cluster_about_once_a_second(redis_cluster_url: str) -> None:
    with closing(RedisStateStore(RedisSettings(url=redis_cluster_url, name=new_id(), cluster=True))) as store:
        assert store.limits.look == timedelta(seconds=16)
    with closing(RedisStateStore(RedisSettings(url="redis://127.0.0.1:1"))) as alone:
        assert alone.limits.look == timedelta(seconds=4)


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

    mover = threading.Thread(target=move)
    with agents_of(file), Grid.open(file) as grid:
        try:
            assert grid.submit("htcgrid.testing.handlers:echo", [0]).results(timeout=180) == [0]
            mover.start()
            tasks = [[number * 10_000 + task for task in range(3000)] for number in range(8)]
            echo, sleep = "htcgrid.testing.handlers:echo", "htcgrid.testing.handlers:sleep"
            sessions = [patiently(partial(grid.submit, echo, some, id=f"s{some[0]}")) for some in tasks]
            slow = patiently(partial(grid.submit, sleep, [0.02] * 300, id="slow"))
            for session, some in zip(sessions, tasks, strict=True):
                assert session.results(timeout=180) == some
            assert slow.results(timeout=180) == [0.02] * 300
            assert all(patiently(session.status).succeeded == 3000 for session in sessions)
        finally:
            stop.set()
            if mover.ident:
                mover.join()
    # It was not over before it began.
    assert sum(moved) > 100
