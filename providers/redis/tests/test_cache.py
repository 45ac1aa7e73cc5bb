"""The cache over another payload store keeps that one's contract, and loses nothing when Redis does."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from htcgrid.config import parse_config
from htcgrid.errors import ConfigError
from htcgrid.interfaces import PayloadStore
from htcgrid.testing import PayloadStoreContract
from htcgrid.testing.memory import MemoryPayloadStore
from htcgrid.testing.samples import new_id
from htcgrid_redis.cache import CachedPayloadStore, CacheSettings
from tests.emulators.redis_server import RedisProcess


class Behind(MemoryPayloadStore):
    """A store that counts what is read from it."""

    read = 0

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        wanted = list(keys)
        self.read += len(wanted)
        return super().get(wanted)


@pytest.fixture
def settings(redis_url: str) -> CacheSettings:
    return CacheSettings(url=redis_url, name=new_id(), over={"provider": "memory"}, megabytes=2, object_megabytes=1)


class TestCachedPayloadStore(PayloadStoreContract):
    @pytest.fixture
    def payloads(self, settings: CacheSettings) -> Iterator[PayloadStore]:
        with closing(CachedPayloadStore(settings, MemoryPayloadStore())) as payloads:
            yield payloads


def test_what_was_put_or_read_is_read_from_the_cache(settings: CacheSettings) -> None:
    behind = Behind()
    behind.put({"s/old": b"0"})
    with closing(CachedPayloadStore(settings, behind)) as cache:
        cache.put({"s/new": b"1"})
        for _ in range(3):
            assert cache.get(["s/new", "s/old", "s/none"]) == {"s/new": b"1", "s/old": b"0"}
    # The old one once, and what is not there each time.
    assert behind.read == 4


def test_the_cache_holds_what_was_used_last_and_no_more_than_its_size(redis_url: str, settings: CacheSettings) -> None:
    behind = Behind()
    with closing(CachedPayloadStore(settings, behind)) as cache, redis.Redis.from_url(redis_url) as client:
        for number in range(30):
            cache.put({f"s/{number}": bytes([number]) * 100_000})
            cache.get(["s/0"])
        total = int(client.get(f"{settings.name}:{{cache}}:total") or 0)
        assert 1_500_000 < total <= 2_000_000
        assert behind.read == 0
        assert cache.get(["s/0", "s/1", "s/29"]) == {f"s/{n}": bytes([n]) * 100_000 for n in (0, 1, 29)}
        assert behind.read == 1
        cache.put({"s/large": b"x" * 1_000_001})
        assert len(cache.get(["s/large"])["s/large"]) == 1_000_001
        assert behind.read == 2
        cache.delete(prefix="s")
        assert int(client.get(f"{settings.name}:{{cache}}:total") or 0) == 0
        assert cache.get(["s/0", "s/29"]) == {}


def test_nothing_is_lost_when_redis_loses_everything_or_is_gone(redis_process: RedisProcess) -> None:
    redis_process.start()
    settings = CacheSettings(url=redis_process.url, over={"provider": "memory"})
    blobs = {f"s/{number}": b"%d" % number for number in range(100)}
    with closing(CachedPayloadStore(settings, Behind())) as cache:
        cache.put(blobs)
        with redis.Redis(port=redis_process.port) as client:
            client.flushall()
        assert cache.get(blobs) == blobs
        redis_process.kill()
        assert cache.get(blobs) == blobs
        cache.put({"t/1": b"1"})
        cache.delete(["s/1"])
        assert set(cache.get([*blobs, "t/1"])) == {*blobs, "t/1"} - {"s/1"}
        redis_process.start()
        assert set(cache.get([*blobs, "t/1"])) == {*blobs, "t/1"} - {"s/1"}


@pytest.mark.parametrize("lost", [["objects"], ["used", "total"], ["names"], ["total"]])
def test_a_cache_that_lost_some_of_its_keys_keeps_to_its_size_and_is_of_use_again(
    redis_url: str, settings: CacheSettings, lost: list[str]
) -> None:
    behind = Behind()
    with closing(CachedPayloadStore(settings, behind)) as cache, redis.Redis.from_url(redis_url) as client:
        cache.put({f"s/{number}": bytes(100_000) for number in range(30)})
        client.delete(*(f"{settings.name}:{{cache}}:{what}" for what in lost))
        for _ in range(2):
            cache.put({f"t/{number}": bytes(100_000) for number in range(20)})
        behind.read = 0
        assert len(cache.get([f"t/{number}" for number in range(5, 20)])) == 15
        assert behind.read == 0
        sizes = map(len, client.hvals(f"{settings.name}:{{cache}}:objects"))
        assert sum(sizes) == int(client.get(f"{settings.name}:{{cache}}:total") or 0) <= 2_000_000


def test_a_cache_that_cannot_be_used_is_told_and_left_alone_for_a_while(
    redis_process: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_process.start()
    now = [0.0]
    monkeypatch.setattr("htcgrid_redis.cache.time.monotonic", lambda: now[0])
    settings = CacheSettings(url=redis_process.url, password="hunter2", over={"provider": "memory"})
    with redis.Redis(port=redis_process.port) as client:
        client.config_set("requirepass", "word")
        client.auth("word")
        with closing(CachedPayloadStore(settings, Behind())) as cache:
            [concern] = cache.concerns()
            assert "the cache over 'memory' cannot be used" in concern.message
            assert "hunter2" not in concern.message
            cache.put({"s/a": b"1"})
            client.config_set("requirepass", "hunter2")
            cache.put({"s/b": b"1"})
            assert client.keys("*cache*") == []
            now[0] += 20
            assert cache.get(["s/b"]) == {"s/b": b"1"}
            assert client.keys("*cache*")
            assert cache.concerns() == []


def test_a_grid_toml_names_the_store_behind(redis_url: str, tmp_path: Path) -> None:
    payloads = {"provider": "redis-cache", "url": redis_url, "name": new_id()}
    tables = {
        "state": {"provider": "local", "path": "grid"},
        "payloads": {**payloads, "over": {"provider": "local", "path": "grid"}},
    }
    with closing(parse_config(tables, folder=tmp_path).open_payloads()) as store:
        store.put({"s/a": b"1"})
    with closing(parse_config({"state": tables["state"]}, folder=tmp_path).open_payloads()) as store:
        assert store.get(["s/a"]) == {"s/a": b"1"}


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({}, "`over` must be a table with the key `provider`"),
        ({"provider": "nobody"}, "there is no provider 'nobody'"),
        ({"provider": "local"}, r"\[payloads\]: `over`: .*path"),
        ({"provider": "local", "path": "x", "colour": "red"}, r"\[payloads\]: `over`: .*colour"),
    ],
)
def test_a_store_behind_that_is_not_right_is_told(
    redis_url: str, tmp_path: Path, over: dict[str, object], message: str
) -> None:
    tables = {
        "state": {"provider": "local", "path": "grid"},
        "payloads": {"provider": "redis-cache", "url": redis_url, "over": over},
    }
    with pytest.raises((ConfigError, Exception), match=message):
        parse_config(tables, folder=tmp_path).open_payloads()
