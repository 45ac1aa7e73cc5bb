"""The contract of a state store: every rule that one can break, by theme."""

from htcgrid.testing.state.cancelling import Cancelling
from htcgrid.testing.state.claiming import Claiming
from htcgrid.testing.state.collecting import Collecting
from htcgrid.testing.state.committing import Committing
from htcgrid.testing.state.giving_back import GivingBack
from htcgrid.testing.state.hinting import Hinting
from htcgrid.testing.state.histories import Histories
from htcgrid.testing.state.inspecting import Inspecting
from htcgrid.testing.state.lapsing import Lapsing
from htcgrid.testing.state.likeness import Likeness
from htcgrid.testing.state.racing import Racing
from htcgrid.testing.state.reading import Reading
from htcgrid.testing.state.submitting import Submitting


class StateStoreContract(
    Submitting,
    Claiming,
    Committing,
    GivingBack,
    Lapsing,
    Hinting,
    Cancelling,
    Reading,
    Inspecting,
    Collecting,
    Racing,
    Histories,
    Likeness,
):
    """What a state store is. Give it a fixture ``store``.

    :class:`htcgrid.testing.state.clauses.StateClauses` lists what else may be set.
    """


__all__ = ["StateStoreContract"]
