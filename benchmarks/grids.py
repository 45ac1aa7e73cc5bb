"""The grids that are measured, each in a folder of its own and with one agent."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from htcgrid import Grid
from htcgrid.agent_process import agent_process
from tests.emulators.redis_server import DURABLE, QUICK, RedisProcess

_REDIS = """
[state]
provider = "redis"
url = "{url}"

[agent]
handlers = ["*"]
pickle = true
path = ["{path}"]
workers = {workers}
"""


class Measured(NamedTuple):
    """A grid that is measured."""

    kind: str
    grid: Grid
    folder: Path
    #: The file with which another process opens it.
    config: Path
    #: The process of its agent, and how many workers that has.
    agent: int
    workers: int


@contextmanager
def local(kind: str, workers: int) -> Iterator[Measured]:
    """Open an embedded grid, whose every outcome is on disk before it counts."""
    with _folder() as folder, Grid.open(folder=folder, workers=workers) as grid:
        _warm(grid)
        [agent] = [status.report.pid for status in grid.agents()]
        yield Measured(kind, grid, folder, folder / "embedded.toml", agent, workers)


@contextmanager
def redis(kind: str, workers: int, *, durable: bool) -> Iterator[Measured]:
    """Start a Redis and an agent; with ``durable``, what it acknowledges is on disk (``appendfsync always``)."""
    with _folder() as folder:
        server = RedisProcess(folder / "redis", DURABLE if durable else QUICK)
        server.start()
        try:
            file = folder / "grid.toml"
            file.write_text(redis_config(server.url, Path.cwd(), workers))
            with Grid.open(file) as grid, agent_process(file) as agent:
                _warm(grid)
                yield Measured(kind, grid, folder, file, agent, workers)
        finally:
            server.stop()


def redis_config(url: str, path: Path, workers: int) -> str:
    """Return the grid.toml of a grid on the Redis at this address, whose agents import handlers from a folder."""
    return _REDIS.format(url=url, path=path, workers=workers)


#: How each grid that can be measured is opened, by name; each takes its name and the number of workers.
GRIDS: dict[str, Callable[[str, int], AbstractContextManager[Measured]]] = {
    "local": local,
    "redis": partial(redis, durable=False),
    "redis, durable": partial(redis, durable=True),
}


def opened(kind: str, workers: int) -> AbstractContextManager[Measured]:
    """Open a new grid of this kind."""
    return GRIDS[kind](kind, workers)


def _warm(grid: Grid) -> None:
    """Wait until workers have begun."""
    grid.submit("htcgrid.testing.handlers:echo", range(100)).results(timeout=60)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="htcgrid-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)
