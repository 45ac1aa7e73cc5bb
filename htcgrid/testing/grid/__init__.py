"""The contract of a whole grid, by what its clients see of it."""

from htcgrid.testing.grid.cancelling import Cancelling
from htcgrid.testing.grid.carrying import Carrying
from htcgrid.testing.grid.ending import Ending
from htcgrid.testing.grid.failing import Failing
from htcgrid.testing.grid.sharing import Sharing


class GridContract(Ending, Failing, Carrying, Cancelling, Sharing):
    """What a grid is. Give it a fixture ``grid``.

    :class:`htcgrid.testing.grid.clauses.GridClauses` lists what else may be set.
    """


__all__ = ["GridContract"]
