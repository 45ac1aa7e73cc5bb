"""A grid on Redis whose records somebody damages while its agents run."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from htcgrid import Grid
from htcgrid.model import SessionId
from htcgrid.testing import Vandal, VandalContract
from htcgrid.testing.samples import new_id
from htcgrid_redis.keys import Layout, SessionKeys
from htcgrid_redis.queue import RedisTaskQueue
from htcgrid_redis.settings import RedisSettings
from htcgrid_redis.state import RedisStateStore
from tests.processes.serving import serving

_GRID = """
[state]
provider = "redis"
url = "{url}"
name = "{name}"

[agent]
handlers = ["htcgrid.testing.handlers:*"]
workers = 1
heartbeat = 0.5
report = 0.5
"""


class RedisVandal(Vandal):
    """Writes to the server."""

    def __init__(self, url: str, name: str) -> None:
        settings = RedisSettings(url=url, name=name)
        self.state = RedisStateStore(settings)
        self.queue = RedisTaskQueue(settings)
        self._layout = Layout(settings.name, settings.parts)
        self._server = redis.Redis.from_url(url)

    def close(self) -> None:
        self.state.close()
        self.queue.close()
        self._server.close()

    def read(self, kind: str, session: SessionId) -> bytes:
        if kind in {"hint", "log"}:
            return b""
        found = self._server.hget(*self._place(kind, session))
        return found if isinstance(found, bytes) else b""

    def write(self, kind: str, session: SessionId, data: bytes | None) -> None:
        if kind == "hint":
            self._server.lpush(self._layout.hints("default", 7), data or b"")
        elif kind == "log":
            # An entry cannot be changed, and another be added.
            self._server.xadd(self._keys(session).log, {"e": data or b""}, id="99-1")
        elif data is None:
            self._server.hdel(*self._place(kind, session))
        else:
            key, field = self._place(kind, session)
            self._server.hset(key, field, data)

    def _keys(self, session: SessionId) -> SessionKeys:
        return self._layout.shard(session).session(session)

    def _place(self, kind: str, session: SessionId) -> tuple[str, str]:
        keys = self._keys(session)
        return {
            "header": (keys.header, "body"),
            "facts": (keys.header, "total"),
            "bundle": (keys.bundles, "0/0"),
            "payloads": (keys.inputs, "0"),
            "report": (self._layout.agents[2], session),
        }[kind]


@pytest.fixture(scope="module")
def name() -> str:
    return new_id()


@pytest.fixture(scope="module")
def grid(redis_url: str, name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    file: Path = tmp_path_factory.mktemp("vandal") / "grid.toml"
    file.write_text(_GRID.format(url=redis_url, name=name))
    with serving(file, agents=2), Grid.open(file) as grid:
        yield grid


@pytest.fixture(scope="module")
def vandal(redis_url: str, name: str) -> Iterator[Vandal]:
    with closing(RedisVandal(redis_url, name)) as vandal:
        yield vandal


@pytest.mark.xdist_group("redis vandal")
class TestRedisGridWithAVandal(VandalContract):
    @pytest.fixture
    def grid(self, grid: Grid) -> Grid:
        return grid

    @pytest.fixture
    def vandal(self, vandal: Vandal) -> Vandal:
        return vandal
