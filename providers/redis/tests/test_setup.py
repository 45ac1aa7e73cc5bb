"""How a server is set up, and what the grid says of it."""

import re
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import redis

from htcgrid.config import parse_config
from htcgrid.errors import ConfigError, ProviderError, ProviderUnavailableError
from htcgrid.model import AgentId, AgentReport, BundleKey, Hint, Remainder, utcnow
from htcgrid.plugins import load_provider
from htcgrid.testing.samples import bundles_of, commit_of, new_id, session_of, tasks
from htcgrid_redis.health import examine
from htcgrid_redis.payloads import RedisPayloadStore
from htcgrid_redis.queue import RedisTaskQueue
from htcgrid_redis.settings import RedisSettings
from htcgrid_redis.state import RedisStateStore
from tests.emulators.redis_server import DURABLE, QUICK, RedisProcess

_PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "redis.md"
_DAY = 86_400_000


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


def test_the_rights_in_the_documentation_are_enough(redis_process: RedisProcess) -> None:
    redis_process.start()
    [rule] = re.findall(r"<!-- acl -->\n```text\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    words = rule.replace("PASSWORD", "word").replace("risk", "grid").split()
    with redis.Redis(port=redis_process.port) as client:
        client.execute_command(*words)
    settings = RedisSettings(url=redis_process.url, username="htcgrid", password="word", name="grid")
    session, late = session_of(), timedelta(seconds=5)
    with closing(RedisStateStore(settings)) as store:
        store.agree()
        assert examine(store._server).flushes == "everysec"
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
        assert store.sessions().sessions == store.status([session.id])
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
        closing(RedisStateStore(msgspec.structs.replace(settings, password="wrong"))) as store,
        pytest.raises(ProviderError, match="it refuses user name and password") as raised,
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


@pytest.fixture
def settings(redis_url: str) -> RedisSettings:
    return RedisSettings(url=redis_url, name=new_id())
