"""An embedded grid keeps the contract that every grid keeps."""

import pytest

from htcgrid import Grid
from htcgrid.testing import GridContract


class TestEmbeddedGrid(GridContract):
    @pytest.fixture
    def grid(self, grid: Grid) -> Grid:
        """The one that the tests of this folder share."""
        return grid
