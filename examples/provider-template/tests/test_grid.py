"""A grid that has its hints and payloads in the folder is a grid like any other, from its grid.toml on."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from htcgrid import Grid
from htcgrid.config import parse_config
from htcgrid.errors import ConfigError
from htcgrid.testing import GridContract

_GRID = """
[state]
provider = "local"
path = "state"

[queue]
provider = "folder"
path = "shared"

[payloads]
provider = "folder"
path = "shared"

[agent]
handlers = ["htcgrid.testing.handlers:*"]
workers = 2
heartbeat = 1
"""


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    """One for all clauses, with an agent of its own: `htcgrid agent`, as users run it."""
    file = tmp_path_factory.mktemp("grid") / "grid.toml"
    file.write_text(_GRID)
    agent = subprocess.Popen([sys.executable, "-P", "-m", "htcgrid.cli", "agent", "--config", file, "--log", "json"])
    try:
        with Grid.open(file) as grid:
            yield grid
    finally:
        agent.terminate()
        agent.wait(60)


class TestGridOnAFolder(GridContract):
    @pytest.fixture
    def grid(self, grid: Grid) -> Grid:
        return grid


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "missing key `path`"),
        ({"path": " "}, "`path` must name a folder"),
        ({"path": "shared", "visibility": 0}, "`visibility` must be more than 0"),
        ({"path": "shared", "colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_settings_that_are_not_right_are_told_with_table_and_key(
    tmp_path: Path, keys: dict[str, object], message: str
) -> None:
    tables = {"state": {"provider": "local", "path": "state"}, "queue": {"provider": "folder", **keys}}
    with pytest.raises(ConfigError, match=rf"\[queue\]: {message}"):
        parse_config(tables, folder=tmp_path).open_queue()
