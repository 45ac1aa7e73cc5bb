"""How a server is set up, and what the grid says of it."""

import re
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from htcgrid.config import parse_config
from htcgrid.errors import ConfigError, ProviderError, ProviderUnavailableError
from htcgrid.model import AgentId, AgentReport, BundleKey, Hint, Remainder, Session, child_birth, utcnow
from htcgrid.plugins import load_provider
from htcgrid.testing import VirtualClock
from htcgrid.testing.memory import MemoryPayloadStore
from htcgrid.testing.samples import bundle_of, bundles_of, commit_of, new_id, session_of, succeeded_in, tasks
from htcgrid_redis.cache import CachedPayloadStore, CacheSettings
from htcgrid_redis.health import examine
from htcgrid_redis.payloads import RedisPayloadStore
from htcgrid_redis.queue import RedisTaskQueue
from htcgrid_redis.server import Server
from htcgrid_redis.settings import RedisSettings
from htcgrid_redis.state import RedisStateStore
from tests.emulators.redis_server import DURABLE, QUICK, RedisClusterProcesses, RedisProcess

_PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "redis.md"
_DAY = 86_400_000
LEASE = timedelta(seconds=30)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"url": "http://example.com"}, "`url` must begin with one of redis://, rediss://, unix://"),
        ({"url": "redis://user:secret@example.com"}, "`url` must not hold a password"),
        ({"url": "redis://example.com:redis"}, "the port is not a number"),
        ({"url": "redis://example.com/risk"}, "the database is a number, as in redis://host:6379/0, not '/risk'"),
        ({"url": "redis://example.com/0?password=secret"}, "`url` ends with the database"),
        ({"url": "unix://"}, "`url` lacks the path of the socket"),
        ({"url": "redis://127.0.0.1:1/2", "cluster": True}, "a cluster has only database 0"),
        ({"url": "unix:///redis.sock", "cluster": True}, "a cluster has only database 0"),
        ({"name": "a b"}, "`name` must be a word without braces"),
        ({"name": "a{b}"}, "`name` must be a word without braces"),
        ({"sentinels": ["b:26379"]}, "`sentinel` is missing"),
        ({"sentinel": "primary", "sentinels": ["b"]}, "`sentinels`: 'b' is not of the form host:port"),
        ({"sentinel": "primary", "url": "unix:///sentinel.sock"}, "`url` of a Sentinel has a host"),
        ({"cluster": True, "sentinel": "primary"}, "`cluster` goes with neither `sentinel` nor `replicas`"),
        ({"shards": 0}, "`shards` must be from 1 to 1024, not 0"),
        ({"timeout": 0.5}, "`timeout` from 1 to 600 seconds"),
        ({"replicas": -1}, "`replicas` must be from 0 to 16, not -1"),
        ({"forget": 0}, "`forget` must be from 1 to 3650 days, not 0"),
        ({"url": "rediss://127.0.0.1", "tls_ca": "/nowhere/ca.pem"}, "`tls_ca_certs`|`tls_ca`"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_settings_that_are_not_right_are_told_with_table_and_key(keys: dict[str, object], message: str) -> None:
    table = {"provider": "redis", "url": "redis://127.0.0.1:1", **keys}
    with pytest.raises(ConfigError, match=message) as raised:
        parse_config({"state": table}).open_state()
    assert "secret" not in str(raised.value)


def test_a_server_that_is_not_there_is_unavailable_and_named(unused_port: int) -> None:
    table = {"provider": "redis", "url": f"redis://127.0.0.1:{unused_port}", "password": "secret"}
    with pytest.raises(
        ProviderUnavailableError, match=rf"Redis at 127.0.0.1:{unused_port} cannot be reached"
    ) as raised:
        parse_config({"state": table}).open_state()
    assert "secret" not in str(raised.value)


def test_a_cluster_that_is_not_there_is_unavailable_and_named(unused_port: int) -> None:
    table = {"provider": "redis", "url": f"redis://127.0.0.1:{unused_port}", "cluster": True}
    with pytest.raises(ProviderUnavailableError, match=rf"Redis at 127.0.0.1:{unused_port} cannot be reached"):
        parse_config({"state": table}).open_state()


def test_a_server_that_is_no_cluster_says_so(redis_process: RedisProcess) -> None:
    redis_process.start()
    table = {"provider": "redis", "url": redis_process.url, "cluster": True}
    with pytest.raises(ProviderError, match="is no cluster: leave `cluster` out") as raised:
        parse_config({"state": table}).open_state()
    assert not isinstance(raised.value, ProviderUnavailableError)


@pytest.fixture
def unused_port() -> int:
    from tests.emulators.redis_server import free_port

    return free_port()


def test_the_first_grid_toml_is_right() -> None:
    import tomllib

    document = tomllib.loads(load_provider("redis").example)
    assert parse_config(document).tables["state"]["url"] == "redis://127.0.0.1:6379"


@pytest.mark.parametrize(
    ("options", "durable", "words"),
    [
        ({**DURABLE, "maxmemory": "100mb"}, True, []),
        ({**DURABLE, "appendfsync": "everysec", "maxmemory": "100mb"}, False, ["the writes of about a second"]),
        ({**QUICK, "maxmemory": "100mb"}, False, ["when it ends, by itself or with its machine, all sessions"]),
        ({**DURABLE}, True, ["has no limit of memory"]),
        (
            {**DURABLE, "maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"},
            True,
            [r"evicts keys \(allkeys-lru\) once it uses 100 MiB"],
        ),
    ],
)
def test_what_a_server_may_lose_is_told(
    tmp_path: Path, options: Mapping[str, str], *, durable: bool, words: list[str]
) -> None:
    server = RedisProcess(tmp_path / "redis", options)
    server.start()
    try:
        table = {"provider": "redis", "url": server.url}
        with closing(parse_config({"state": table}).open_state()) as store:
            assert store.limits.durable is durable
            found = store.concerns()
        assert len(found) == len(words)
        for concern, word in zip(found, words, strict=True):
            assert re.search(word, concern.message)
            assert concern.advice
            assert concern.grave == ("evicts" in concern.message)
    finally:
        server.kill()


def test_a_grid_is_spread_over_one_number_of_shards(settings: RedisSettings) -> None:
    with closing(RedisStateStore(settings)) as store:
        store.agree()
        store.agree()
    with closing(RedisStateStore(msgspec.structs.replace(settings, shards=4))) as store:  # noqa: SIM117
        with pytest.raises(ConfigError, match=r"is spread over 1 shards, not 4: set `shards = 1`, or another `name`"):
            store.agree()


def allow(port: int) -> None:
    """Make the user of the documentation, for a grid whose name is grid."""
    [rule] = re.findall(r"<!-- acl -->\n```text\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    words = rule.replace("PASSWORD", "word").replace("risk", "grid").split()
    with redis.Redis(port=port) as client:
        client.execute_command(*words)


@pytest.mark.parametrize("database", [0, 3])
def test_the_rights_in_the_documentation_are_enough(redis_process: RedisProcess, database: int) -> None:
    redis_process.start()
    allow(redis_process.port)
    url = f"{redis_process.url}/{database}"
    exercise(RedisSettings(url=url, username="htcgrid", password="word", name="grid"))


def test_the_rights_in_the_documentation_are_enough_on_a_cluster(redis_cluster: RedisClusterProcesses) -> None:
    for node in redis_cluster.nodes:
        allow(node.port)
    try:
        exercise(RedisSettings(url=redis_cluster.url, username="htcgrid", password="word", name="grid", cluster=True))
    finally:
        for node in redis_cluster.nodes:
            with redis.Redis(port=node.port) as client:
                client.acl_deluser("htcgrid")


def test_the_rights_in_the_documentation_are_enough_for_the_cache(redis_process: RedisProcess) -> None:
    redis_process.start()
    allow(redis_process.port)
    page = _PAGE.read_text()
    [rule] = re.findall(r"<!-- acl of the cache -->\n```text\n(.*?)```", page, re.DOTALL)
    with redis.Redis(port=redis_process.port) as client:
        client.execute_command(*rule.split())
    settings = CacheSettings(
        url=redis_process.url,
        username="htcgrid",
        password="word",
        name="grid",
        over={"provider": "memory"},
        megabytes=1,
        object_megabytes=1,
    )
    with closing(CachedPayloadStore(settings, MemoryPayloadStore())) as cache:
        assert cache.concerns() == []
        for number in range(20):
            cache.put({f"s/{number}": bytes(100_000)})
            cache.get([f"s/{number}"])
        cache.delete(["s/19"], prefix="s")
        # Nothing was refused, after which it would be left alone.
        assert cache._look_at == 0.0


def exercise(settings: RedisSettings) -> None:
    """Use all that a grid uses."""
    session, late = session_of(), timedelta(seconds=5)
    with closing(RedisStateStore(settings)) as store:
        store.agree()
        assert {health.flushes for health in examine(store._server)} == {"everysec"}
        store.create(session, bundles_of(session, 3, 4))
        store.add(session.id, bundles_of(session, 4, 4))
        store.seal(session.id, 16)
        claims = store.claim([BundleKey(session.id, start) for start in (0, 4)], agent=AgentId("a"), lease=late)
        store.renew([claim.lease for claim in claims])
        store.give_back(claims[0].lease, [Remainder(ranges=tasks(2, 4), delay=late)])
        store.commit([commit_of(claims[1].lease, tasks(4, 8))])
        assert len(store.due(10, dry="default")) == 2
        assert len(store.outcomes(session.id, wait=late).entries) == 1
        assert store.outcomes(session.id, store.outcomes(session.id).cursor, wait=late / 50).entries == []
        assert session.id in {status.session.id for status in store.sessions().sessions}
        assert len(store.bundles(session.id).bundles) == 4
        assert len(store.bundles(session.id, task=1).bundles) == 1
        assert len(store.submitted(session.id).bundles) == 4
        store.register(AgentReport(id=AgentId("a"), started=utcnow()))
        assert len(store.agents().agents) == len(store.agents(pool="default").agents) == 1
        store.cancel([session.id])
        store.delete(session.id)
        assert store.expired(10) == [session.id]
        assert store.collect(session.id, 10)
    with closing(RedisTaskQueue(settings)) as queue:
        queue.send([Hint(key=BundleKey(session.id, 0))])
        queue.ack(queue.receive(1, wait=late, pool="default"))
        assert queue.receive(1, wait=late / 50, pool="default") == []
        assert queue.depth("default") == 0
        queue.wake()
    with closing(RedisPayloadStore(settings)) as payloads:
        payloads.put({"s/a": b"1"})
        assert payloads.get(["s/a"]) == {"s/a": b"1"}
        payloads.delete(prefix="s")
    with (
        closing(RedisStateStore(msgspec.structs.replace(settings, name="other"))) as store,
        pytest.raises(ProviderError, match="the user lacks a right"),
    ):
        store.create(session)
    with (
        pytest.raises(ProviderError, match="it refuses user name and password") as raised,
        closing(RedisStateStore(msgspec.structs.replace(settings, password="wrong"))) as store,
    ):
        store.create(session)
    assert not isinstance(raised.value, ProviderUnavailableError)


def test_what_nobody_touches_ages_out(redis_url: str, settings: RedisSettings) -> None:
    waiting, ended = session_of(), session_of(keep_for=timedelta(days=2))
    with closing(RedisStateStore(settings)) as store, redis.Redis.from_url(redis_url) as client:
        for session in (waiting, ended):
            store.create(session, bundles_of(session, 1, 4), sealed=True)
        [claim] = store.claim([BundleKey(ended.id, 0)], agent=AgentId("a"), lease=timedelta(seconds=30))
        store.commit([commit_of(claim.lease, tasks(0, 4))])
        lives = {
            session.id: {client.pttl(key) for key in client.scan_iter(f"{settings.name}:{{0}}:[sbolir]:{session.id}")}
            for session in (waiting, ended)
        }
        assert all(30 * _DAY - 60_000 < life <= 30 * _DAY for life in lives[waiting.id])
        assert all(5 * _DAY - 60_000 < life <= 5 * _DAY for life in lives[ended.id])
    with closing(RedisPayloadStore(settings)) as payloads, redis.Redis.from_url(redis_url) as client:
        payloads.put({"s/a": b"1"})
        objects = [client.pttl(key) for key in client.scan_iter(f"{settings.name}:{{o:*")]
        assert len(objects) == 2
        assert all(30 * _DAY - 60_000 < life <= 30 * _DAY for life in objects)


def test_every_key_of_a_session_ages_out_whatever_it_has_been_through(redis_url: str, settings: RedisSettings) -> None:
    with closing(RedisStateStore(settings)) as store, redis.Redis.from_url(redis_url) as client:

        def check(session: Session, letters: str) -> None:
            found = {
                key.decode(): client.pttl(key) for key in client.scan_iter(f"{settings.name}:{{0}}:*:{session.id}")
            }
            assert {key.split(":")[2] for key in found} == set(letters), found
            assert all(0 < life <= 30 * _DAY for life in found.values()), found

        # Nothing but itself first, and bundles later.
        late = session_of()
        store.create(late)
        check(late, "s")
        store.add(late.id, bundles_of(late, 2, 4))
        check(late, "sboir")
        claims = store.claim([BundleKey(late.id, start) for start in (0, 4)], agent=AgentId("a"), lease=LEASE)
        store.commit([commit_of(claims[0].lease, tasks(0, 2))])
        check(late, "sbolir")
        store.give_back(claims[0].lease, [Remainder(ranges=tasks(2, 3))])
        check(late, "sbolir")
        # Drained, then filled again.
        [again] = store.claim(
            [BundleKey(late.id, 2, child_birth(claims[0].lease.key, 1))], agent=AgentId("a"), lease=LEASE
        )
        for claim, done in ((claims[0], tasks(3, 4)), (claims[1], tasks(4, 8)), (again, tasks(2, 3))):
            store.commit([commit_of(claim.lease, done, flush=1)])
        check(late, "slir")
        store.add(late.id, [bundle_of(late, 8, 12)])
        check(late, "sbolir")
        # Without a task, and over at once.
        empty = session_of()
        store.create(empty, sealed=True)
        check(empty, "sl")
        cancelled = session_of()
        store.create(cancelled, bundles_of(cancelled, 1, 4))
        store.cancel([cancelled.id])
        check(cancelled, "slir")
        buried = session_of()
        store.create(buried, bundles_of(buried, 1, 4))
        store.delete(buried.id)
        check(buried, "slir")


def test_a_session_of_an_id_that_aged_out_in_part_is_a_new_one(redis_url: str, settings: RedisSettings) -> None:
    session = session_of()
    with closing(RedisStateStore(settings)) as store, redis.Redis.from_url(redis_url) as client:
        for _ in range(2):
            store.create(session, bundles_of(session, 2, 3), sealed=True)
            keys = [BundleKey(session.id, start) for start in (0, 3)]
            for claim in store.claim(keys, agent=AgentId("a"), lease=LEASE):
                store.commit([commit_of(claim.lease, claim.open)])
            entries = store.outcomes(session.id).entries
            assert sorted(succeeded_in(entries)) == list(range(6))
            assert store.status([session.id])[0].succeeded == 6
            client.delete(f"{settings.name}:{{0}}:s:{session.id}")
        # What is gone is told of no more.
        assert store.sessions().sessions == []
        assert client.zcard(f"{settings.name}:{{0}}:sessions") == 0


def test_what_waits_for_agents_stays_while_somebody_looks(redis_url: str, settings: RedisSettings) -> None:
    session, clock = session_of(), VirtualClock()
    with closing(RedisStateStore(settings, clock=clock)) as store, redis.Redis.from_url(redis_url) as client:
        store.create(session, bundles_of(session, 1, 4), sealed=True)
        keys = list(client.scan_iter(f"{settings.name}:{{0}}:*:{session.id}"))
        assert len(keys) == 5
        for key in keys:
            client.pexpire(key, _DAY)
        clock.advance(timedelta(days=1))
        assert len(store.due(10)) == 1
        assert all(client.pttl(key) > 20 * _DAY for key in keys)


def test_settings_are_shown_without_what_is_secret() -> None:
    shown = repr(RedisSettings(url="redis://127.0.0.1", password="hunter2", sentinel="s", sentinel_password="hunter3"))
    assert "hunter" not in shown


def test_a_password_that_is_missing_is_asked_for(redis_process: RedisProcess) -> None:
    redis_process.start()
    with redis.Redis(port=redis_process.port) as client:
        client.config_set("requirepass", "word")
    with closing(RedisStateStore(RedisSettings(url=redis_process.url))) as store:
        with pytest.raises(ProviderError, match="it wants a password: set `password`") as raised:
            store.agree()
        assert not isinstance(raised.value, ProviderUnavailableError)


def test_what_is_no_redis_is_told() -> None:
    class Page(BaseHTTPRequestHandler):
        """What answers to nothing as a Redis does."""

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        try:
            store = RedisStateStore(RedisSettings(url=f"redis://127.0.0.1:{web.server_port}"))
            with closing(store), pytest.raises(ProviderError, match="is no Redis: look at the port in `url`"):
                store.agree()
        finally:
            web.shutdown()
            thread.join()


def test_hints_may_be_lost_so_a_queue_alone_may_forget(redis_process: RedisProcess) -> None:
    redis_process.start()
    settings = RedisSettings(url=redis_process.url)
    with closing(RedisTaskQueue(settings)) as queue, closing(RedisStateStore(settings)) as state:
        assert any("appends no writes" in concern.message for concern in state.concerns())
        assert [concern.message.partition("has no limit")[1] for concern in queue.concerns()] == ["has no limit"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"redis_version": "6.2.14"}, "is of version 6.2.14: Redis 7, Valkey 7.2 or later is needed"),
        ({"redis_version": "7.2.4"}, "is Redis 7.2.4, whose scripts write some numbers wrong: 7.2.5 does not"),
        ({"redis_version": "7.2.5"}, None),
        ({"redis_version": "7.2.4", "valkey_version": "8.0.1"}, None),
        ({"redis_version": "7.0.15"}, None),
    ],
)
def test_versions_that_will_not_do_are_refused(said: dict[str, str], message: str | None) -> None:
    class Node:
        """What a server of a version says."""

        def info(self, _section: str) -> dict[str, str]:
            return said

        def config_get(self, _name: str) -> dict[str, str]:
            return {}

    class Servers(Server):
        def nodes(self) -> dict[str, Any]:
            return {"host:6379": Node()}

    with closing(Servers(RedisSettings(url="redis://127.0.0.1:1"))) as server:
        if message is None:
            assert [health.places for health in examine(server)] == [("host:6379",)]
        else:
            with pytest.raises(ConfigError, match=message):
                examine(server)


def test_an_answer_that_does_not_come_is_waited_for_as_long_as_the_settings_say(redis_process: RedisProcess) -> None:
    redis_process.start()
    with (
        closing(RedisStateStore(RedisSettings(url=redis_process.url, timeout=1.0))) as store,
        redis.Redis(port=redis_process.port) as client,
    ):
        session = session_of()
        store.create(session, bundles_of(session, 1, 1))
        # It waits for as long as it is told to, in calls that are shorter than the time-out.
        began = time.monotonic()
        assert store.outcomes(session.id, wait=timedelta(seconds=2)).entries == []
        assert time.monotonic() - began >= 2
        client.client_pause(300_000)  # longer than the test
        began = time.monotonic()
        with pytest.raises(ProviderUnavailableError, match="does not answer in time"):
            store.status([session.id])
        assert 0.9 < time.monotonic() - began < 200


@pytest.fixture
def settings(redis_url: str) -> RedisSettings:
    return RedisSettings(url=redis_url, name=new_id())
