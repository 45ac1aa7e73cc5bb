"""A grid with one worker, which every task of the tests of this folder runs in, one after the other."""

from collections.abc import Iterator

import pytest

from htcgrid import Grid


@pytest.fixture(scope="session")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with Grid.open(folder=tmp_path_factory.mktemp("lone"), workers=1) as grid:
        yield grid
