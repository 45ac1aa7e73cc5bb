"""A grid on Redis is a grid like any other, from its grid.toml on."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from htcgrid import Grid
from htcgrid.errors import ConfigError
from htcgrid.testing import GridContract
from htcgrid.testing.samples import new_id

_GRID = """
[state]
provider = "redis"
url = "{url}"
name = "{name}"

[agent]
handlers = ["htcgrid.testing.handlers:*"]
workers = 2
heartbeat = 1
"""


@pytest.fixture(scope="module")
def grid(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """One for all clauses, with an agent of its own: `htcgrid agent`, as users run it."""
    file = tmp_path_factory.mktemp("grid") / "grid.toml"
    file.write_text(_GRID.format(url=redis_url, name=new_id()))
    agent = subprocess.Popen([sys.executable, "-P", "-m", "htcgrid.cli", "agent", "--config", file, "--log", "json"])
    try:
        with Grid.open(file) as grid:
            yield grid
    finally:
        agent.terminate()
        agent.wait(60)


class TestGridOnRedis(GridContract):
    @pytest.fixture
    def grid(self, grid: Grid) -> Grid:
        return grid


def test_a_session_is_not_kept_for_longer_than_its_payloads(grid: Grid) -> None:
    month = timedelta(days=31)
    told = "keep_for is 31 days, and the payload store keeps what is put for 30"
    with pytest.raises(ConfigError, match=told):
        grid.submit("htcgrid.testing.handlers:echo", [1], keep_for=month)
    with pytest.raises(ConfigError, match=told):
        grid.open_session("htcgrid.testing.handlers:echo", keep_for=month)
    with pytest.raises(ConfigError, match=told):
        grid.put([1], keep_for=month)
    assert grid.submit("htcgrid.testing.handlers:echo", [1], keep_for=month * 0.9).results(timeout=60) == [1]
