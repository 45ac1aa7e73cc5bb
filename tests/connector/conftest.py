"""An embedded grid that the tests of this folder share: starting one takes half a second."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from htcgrid import Grid


@pytest.fixture(scope="session")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid.open(folder=tmp_path_factory.mktemp("grid"), workers=2) as grid:
        yield grid


@pytest.fixture(scope="session")
def grid_folder(grid: Grid) -> Path:
    assert grid.config is not None
    return grid.config.folder
