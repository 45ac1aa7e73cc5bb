"""What does not change while a configuration is explored."""

from typing import NamedTuple

from tests.model.protocol.bounds import Bounds
from tests.model.protocol.rules import Rules


class World(NamedTuple):
    """Bounds, and rules that are the protocol's or a seeded defect's."""

    bounds: Bounds
    rules: Rules
