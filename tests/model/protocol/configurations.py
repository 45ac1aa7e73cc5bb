"""What is explored: each configuration widens what the others keep narrow."""

from typing import NamedTuple

from tests.model.protocol.bounds import Bounds
from tests.model.protocol.state import Left


class Configuration(NamedTuple):
    """Bounds, what they are for, and how many states lie within them."""

    name: str
    covers: str
    bounds: Bounds
    states: int


SMALL = (
    Configuration(
        "leases",
        "two agents and three tasks in two bundles; a crash and a pause past the lease",
        Bounds(left=Left(crashes=1, pauses=1)),
        3032,
    ),
    Configuration(
        "commits",
        "a commit reads bundle and tail before it writes, and may get no answer",
        Bounds(roots=(2,), reads=True, packs=True, left=Left(crashes=1, pauses=1, replies=1)),
        8640,
    ),
    Configuration(
        "give-backs",
        "a bundle that splits while leases lapse and answers get lost",
        Bounds(roots=(3,), left=Left(pauses=1, replies=1, returns=1, stops=1)),
        39850,
    ),
    Configuration(
        "poison",
        "a task that takes its agents along, and a false lapse beside it",
        Bounds(roots=(3,), poison=2, left=Left(pauses=1)),
        3444,
    ),
)
