"""What a server and the way to it may do, and that nothing is lost, doubled or made up by it."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from htcgrid import Grid
from htcgrid.errors import HtcGridError, ProviderError, ProviderUnavailableError, SessionNotFoundError
from htcgrid.model import AgentId, BundleKey, Remainder, SessionState, defaults
from htcgrid.reaper import Reaper
from htcgrid.reaper.core import ReaperPolicy
from htcgrid.testing.samples import bundle_of, bundles_of, commit_of, new_id, session_of, succeeded_in, tasks
from htcgrid_redis.payloads import RedisPayloadStore
from htcgrid_redis.queue import RedisTaskQueue
from htcgrid_redis.settings import RedisSettings
from htcgrid_redis.state import RedisStateStore
from tests.emulators.patience import patiently
from tests.emulators.proxy import Fault, FaultyProxy
from tests.emulators.redis_server import DURABLE, QUICK, RedisProcess

_TOML = """
[state]
provider = "redis"
url = "redis://127.0.0.1:{port}"
name = "{name}"

[agent]
handlers = ["htcgrid.testing.handlers:*"]
workers = 2
lease = 3
heartbeat = 0.5
"""
#: What a server says that cannot serve now.
_ERRORS = (
    b"-LOADING Redis is loading the dataset in memory\r\n",
    b"-READONLY You can't write against a read only replica.\r\n",
    b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    b"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
    b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
)
LEASE = timedelta(seconds=30)


class Agents:
    """The agents of a grid at a port."""

    def __init__(self, folder: Path, port: int, name: str) -> None:
        self.config = folder / "grid.toml"
        self.config.write_text(_TOML.format(port=port, name=name))
        self._log = folder / "agents.log"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start one more."""
        command = [sys.executable, "-P", "-m", "htcgrid.cli", "agent", "--config", str(self.config), "--log", "json"]
        with self._log.open("ab") as log:
            self._processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def kill(self) -> None:
        """Kill the one that runs longest."""
        process = self._processes.pop(0)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End those that are left, in good order."""
        for process in self._processes:
            process.terminate()
        ends = [process.wait(60) for process in self._processes]
        assert ends == [0] * len(ends), self._log.read_text()[-3000:]


@contextmanager
def agents(folder: Path, port: int, name: str, count: int = 2) -> Iterator[Agents]:
    """Run agents of a grid at a port; some more may be started, and some killed."""
    started = Agents(folder, port, name)
    for _ in range(count):
        started.start()
    try:
        yield started
    finally:
        started.stop()


def left_in(server: RedisProcess, name: str) -> dict[str, int]:
    """Return what is left that no ended session may leave: bundles, times, and what waits."""
    with redis.Redis(port=server.port) as client:
        found = {"due": client.zcard(f"{name}:{{0}}:due"), "wait": client.zcard(f"{name}:{{0}}:wait")}
        for key in client.scan_iter(f"{name}:{{0}}:[bo]:*"):
            found[key.decode()] = 1
        return {what: int(count) for what, count in found.items() if count}


@contextmanager
def collecting(server: RedisProcess, name: str) -> Iterator[None]:
    """Run a reaper that does not let a minute pass between looks for sessions to collect."""
    settings = RedisSettings(url=server.url, name=name)
    with ExitStack() as stack:
        state = stack.enter_context(closing(RedisStateStore(settings)))
        queue = stack.enter_context(closing(RedisTaskQueue(settings)))
        payloads = stack.enter_context(closing(RedisPayloadStore(settings)))
        reaper = Reaper(state, queue, payloads, pools=[defaults.POOL], seed=1, policy=ReaperPolicy(retention=0.1))
        reaper.start()
        stack.callback(reaper.close)
        yield


def keys_of(server: RedisProcess, name: str) -> set[str]:
    """Return the keys of a grid, without those that tell of its agents and hints that nobody has asked for yet."""
    with redis.Redis(port=server.port) as client:
        keys = {key.decode() for key in client.scan_iter(f"{name}:*")}
    return {key for key in keys if not key.startswith((f"{name}:{{agents}}:", f"{name}:{{q:"))}


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_befalls_connections_every_task_ends_once_with_its_own_value(
    redis_process: RedisProcess, tmp_path: Path, seed: int
) -> None:
    redis_process.start()
    proxy, name, count = FaultyProxy(redis_process.port, seed=seed, errors=_ERRORS), new_id(), 3000
    with closing(proxy), agents(tmp_path, proxy.port, name) as started:
        ids = [f"s{number}" for number in range(4)]
        # Values of the last session are so large that they do not stand with its bundles.
        values = {one: [f"{one}/{index}" + "." * 1000 * (one == ids[-1]) for index in range(count)] for one in ids}
        with Grid.open(started.config) as grid:
            proxy.share = 0.04
            for one in ids:
                patiently(lambda one=one: grid.submit("htcgrid.testing.handlers:echo", values[one], id=one))  # type: ignore[misc]
            deadline = time.monotonic() + 8
            for _ in range(2):
                started.kill()
                started.start()
                while time.monotonic() < deadline and sum(proxy.faults.values()) < 150:
                    time.sleep(0.05)
                deadline += 4
            proxy.share = 0.0
            for one in ids:
                outcomes = list(grid.session(one).outcomes(timeout=120))
                assert sorted(outcome.index for outcome in outcomes) == list(range(count))
                assert all(outcome.value == values[one][outcome.index] for outcome in outcomes)
                status = grid.session(one).status()
                assert (status.state, status.succeeded, status.failed) == (SessionState.SEALED, count, 0)
            assert set(proxy.faults) == set(Fault)
            assert left_in(redis_process, name) == {}
            assert any(":{o:" in key for key in keys_of(redis_process, name))
            for one in ids:
                grid.session(one).delete()
            # Those that stand for what was deleted stay for a day: a call that is late finds them.
            left = {f"{name}:grid", f"{name}:{{0}}:ends", *(f"{name}:{{0}}:s:{one}" for one in ids)}
            with collecting(redis_process, name):
                deadline = time.monotonic() + 30
                while keys_of(redis_process, name) - left and time.monotonic() < deadline:
                    time.sleep(0.1)
            assert keys_of(redis_process, name) == left


def test_what_a_durable_server_acknowledged_is_there_after_it_was_killed(tmp_path: Path) -> None:
    server = RedisProcess(tmp_path / "redis", DURABLE)
    server.start()
    settings, session = RedisSettings(url=server.url), session_of()
    with closing(RedisStateStore(settings)) as store:
        store.agree()
        assert store.limits.durable
        store.create(session, bundles_of(session, 10, 3), sealed=True)
        [claim] = store.claim([BundleKey(session.id, 0)], agent=AgentId("a"), lease=LEASE)
        store.commit([commit_of(claim.lease, tasks(0, 2))])
        page = store.outcomes(session.id)
        server.kill()
        with pytest.raises(ProviderUnavailableError, match="cannot be reached"):
            store.status([session.id])
        server.start()
        assert store.status([session.id])[0].succeeded == 2
        store.commit([commit_of(claim.lease, tasks(2, 3), flush=1)])
        assert succeeded_in(store.outcomes(session.id, page.cursor).entries) == [2]
    server.stop()


def test_a_server_that_forgets_is_told_so_and_nobody_takes_that_for_an_end(redis_process: RedisProcess) -> None:
    redis_process.start()
    session = session_of()
    with closing(RedisStateStore(RedisSettings(url=redis_process.url))) as store:
        store.agree()
        assert not store.limits.durable
        store.create(session, bundles_of(session, 2, 3), sealed=True)
        [claim] = store.claim([BundleKey(session.id, 0)], agent=AgentId("a"), lease=LEASE)
        store.commit([commit_of(claim.lease, tasks(0, 3))])
        cursor = store.outcomes(session.id).cursor
        redis_process.kill()
        redis_process.start()
        for verb in (
            lambda: store.status([session.id]),
            lambda: store.outcomes(session.id, cursor),
            lambda: store.seal(session.id, 6),
            lambda: store.cancel([session.id]),
        ):
            with pytest.raises(SessionNotFoundError):
                verb()
        [answer] = store.commit([commit_of(claim.lease, tasks(0, 3))])
        assert (answer.accepted.count, answer.cancelled) == (0, True)
        assert store.claim([BundleKey(session.id, 3)], agent=AgentId("a"), lease=LEASE) == []
        # Others of that id have other outcomes, and no reader goes on among them.
        store.create(session, bundles_of(session, 2, 3), sealed=True)
        [claim] = store.claim([BundleKey(session.id, 3)], agent=AgentId("a"), lease=LEASE)
        store.commit([commit_of(claim.lease, tasks(3, 6))])
        with pytest.raises(ProviderError, match="has lost outcomes of session"):
            store.outcomes(session.id, cursor)


def test_a_reader_that_waits_does_not_go_on_in_another_log_of_the_same_id(redis_process: RedisProcess) -> None:
    redis_process.start()
    session, waiting = session_of(), threading.Event()
    told: list[HtcGridError] = []

    def wait() -> None:
        waiting.set()
        try:
            store.outcomes(session.id, cursor, wait=timedelta(seconds=20))
        except HtcGridError as error:
            told.append(error)

    with (
        closing(RedisStateStore(RedisSettings(url=redis_process.url))) as store,
        redis.Redis(port=redis_process.port) as client,
    ):
        store.create(session, bundles_of(session, 2, 3), sealed=True)
        [claim] = store.claim([BundleKey(session.id, 0)], agent=AgentId("a"), lease=LEASE)
        store.commit([commit_of(claim.lease, tasks(0, 3))])
        cursor = store.outcomes(session.id).cursor
        reader = threading.Thread(target=wait)
        reader.start()
        assert waiting.wait(20)
        while not client.client_list(_type="normal") or "xread" not in {one["cmd"] for one in client.client_list()}:
            time.sleep(0.01)
        client.flushall()
        store.create(session, bundles_of(session, 2, 3), sealed=True)
        claims = store.claim([BundleKey(session.id, start) for start in (0, 3)], agent=AgentId("a"), lease=LEASE)
        for claim in claims:
            store.commit([commit_of(claim.lease, claim.open)])
        reader.join(30)
    [found] = told
    # It may have been told before the session was there again.
    assert isinstance(found, ProviderError | SessionNotFoundError)


def test_what_ran_before_a_loss_is_no_outcome_of_other_tasks_of_the_same_name(redis_process: RedisProcess) -> None:
    redis_process.start()
    session = session_of()
    with closing(RedisStateStore(RedisSettings(url=redis_process.url))) as store:
        store.create(session, bundles_of(session, 1, 3), sealed=True)
        [old] = store.claim([BundleKey(session.id, 0)], agent=AgentId("a"), lease=LEASE)
        with redis.Redis(port=redis_process.port) as client:
            client.flushall()
        store.create(session, [bundle_of(session, 0, 3, "other")], sealed=True)
        # While it is pending, and while it runs.
        for running in (0, 3):
            [answer] = store.commit([commit_of(old.lease, tasks(0, 3))])
            assert (answer.accepted.count, answer.lease) == (0, None)
            assert store.status([session.id])[0].running == running
            store.claim([BundleKey(session.id, 0)], agent=AgentId("b"), lease=LEASE)
        assert store.status([session.id])[0].succeeded == 0


def test_a_role_that_changes_while_a_reader_waits_ends_no_client(redis_process: RedisProcess, tmp_path: Path) -> None:
    redis_process.start()
    with agents(tmp_path, redis_process.port, new_id(), 1) as started, Grid.open(started.config) as grid:
        session = grid.submit("htcgrid.testing.handlers:sleep", [0.1] * 40)
        outcomes = session.outcomes(timeout=60)
        first = next(outcomes)
        with redis.Redis(port=redis_process.port) as client:
            # A server that is nobody's primary: it goes on with what it has.
            client.execute_command("REPLICAOF", "127.0.0.1", "1")
            time.sleep(0.5)
            client.execute_command("REPLICAOF", "NO", "ONE")
        assert {first.index, *(outcome.index for outcome in outcomes)} == set(range(40))


def test_a_server_that_is_full_still_ends_what_it_has(tmp_path: Path) -> None:
    server = RedisProcess(tmp_path / "redis")
    server.start()
    sessions = [session_of(keep_for=timedelta(0)) for _ in range(3)]
    with closing(RedisStateStore(RedisSettings(url=server.url))) as store, redis.Redis(port=server.port) as client:
        for session in sessions:
            store.create(session, bundles_of(session, 2, 4))
        client.config_set("maxmemory", 1)
        for session in sessions:
            store.seal(session.id, 8)
        with pytest.raises(ProviderUnavailableError, match="memory is used up"):
            store.create(session_of())
        first, second, third = (session.id for session in sessions)
        claims = store.claim([BundleKey(first, 0), BundleKey(first, 4)], agent=AgentId("a"), lease=LEASE)
        assert len(store.renew([claim.lease for claim in claims]).kept) == 2
        store.commit([commit_of(claims[0].lease, tasks(0, 2))])
        store.give_back(claims[0].lease, [Remainder(ranges=tasks(2, 4))])
        [again] = store.claim([BundleKey(first, 0)], agent=AgentId("b"), lease=LEASE)
        store.commit([commit_of(claims[1].lease, tasks(4, 8)), commit_of(again.lease, tasks(2, 4))])
        assert store.status([first])[0].succeeded == 8
        assert store.cancel([second])[0].cancelled == 8
        store.delete(third)
        assert set(store.expired(10)) == {first, second, third}
        assert all(store.collect(session.id, 100) for session in sessions)
        client.config_set("maxmemory", 0)
    server.stop()


def test_a_reader_that_waits_is_told_when_everything_is_flushed(redis_process: RedisProcess, tmp_path: Path) -> None:
    redis_process.start()
    name = new_id()
    with agents(tmp_path, redis_process.port, name, 1) as started, Grid.open(started.config) as grid:
        session = grid.submit("htcgrid.testing.handlers:sleep", [0.2] * 200)
        outcomes = session.outcomes(timeout=60)
        next(outcomes)
        with redis.Redis(port=redis_process.port) as client:
            client.flushall()
        with pytest.raises(SessionNotFoundError):
            list(outcomes)
        # The grid goes on with what comes.
        assert grid.submit("htcgrid.testing.handlers:echo", [1, 2, 3]).results(timeout=60) == [1, 2, 3]


def test_a_server_without_memory_is_unavailable_until_it_has_some(tmp_path: Path) -> None:
    server = RedisProcess(tmp_path / "redis", {**QUICK, "maxmemory": "6mb"})
    server.start()
    with closing(RedisStateStore(RedisSettings(url=server.url))) as store, redis.Redis(port=server.port) as client:
        client.set("other", b"x" * (2 << 20))
        session = session_of()

        def fill() -> None:
            for _ in range(1000):
                another = session_of()
                store.create(another, bundles_of(another, 200, 20))

        with pytest.raises(ProviderUnavailableError, match="its memory is used up: raise its `maxmemory`"):
            fill()
        client.delete("other")
        store.create(session, bundles_of(session, 2, 3), sealed=True)
        assert store.status([session.id])[0].total == 6
    server.stop()


def test_a_replica_in_the_place_of_its_primary_refuses_writes_until_it_is_one(tmp_path: Path) -> None:
    primary, replica = (RedisProcess(tmp_path / name) for name in ("primary", "replica"))
    for server in (primary, replica):
        server.start()
    with redis.Redis(port=replica.port) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", primary.port)
        settings = RedisSettings(url=primary.url, replicas=1, timeout=20.0)
        session = session_of()
        with closing(RedisStateStore(settings)) as store:
            store.create(session, bundles_of(session, 2, 3), sealed=True)
            [claim] = store.claim([BundleKey(session.id, 0)], agent=AgentId("a"), lease=LEASE)
            store.commit([commit_of(claim.lease, tasks(0, 3))])
            assert len(store.concerns()) == 2
        primary.kill()
        with closing(RedisStateStore(RedisSettings(url=replica.url))) as store:
            # What waited for the replica is there.
            assert store.status([session.id])[0].succeeded == 3
            with pytest.raises(ProviderUnavailableError, match="it is a replica"):
                store.create(session_of())
            client.execute_command("REPLICAOF", "NO", "ONE")
            store.create(session_of())
    replica.stop()


def test_too_few_replicas_are_told_and_the_call_may_be_repeated(redis_process: RedisProcess) -> None:
    redis_process.start()
    session = session_of()
    settings = RedisSettings(url=redis_process.url, replicas=1, timeout=1.0)
    with closing(RedisStateStore(settings)) as store:
        for _ in range(2):
            with pytest.raises(ProviderUnavailableError, match="0 of 1 replicas have what was written"):
                store.create(session, bundles_of(session, 2, 3), sealed=True)
        assert store.status([session.id])[0].total == 6


def test_a_node_of_a_cluster_says_that_it_is_one(redis_cluster_url: str) -> None:
    def ask() -> None:
        # The keys of some pools are on this node, and those of others elsewhere, wherever slots have been moved.
        with closing(RedisTaskQueue(RedisSettings(url=redis_cluster_url))) as queue:
            for _ in range(40):
                queue.depth(new_id())

    with pytest.raises(ProviderError, match="set `cluster = true`") as raised:
        ask()
    assert not isinstance(raised.value, ProviderUnavailableError)
