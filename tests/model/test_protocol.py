"""The protocol keeps its promises in every state that it can reach, within bounds that are explored to exhaustion."""

import pytest

from tests.model.protocol.configurations import SMALL, Configuration
from tests.model.protocol.explorer import Exploration
from tests.model.protocol.system import System


@pytest.mark.parametrize("configuration", SMALL, ids=lambda configuration: configuration.name)
def test_every_reachable_state_is_right_and_lets_every_accepted_task_end(configuration: Configuration) -> None:
    exploration = Exploration(System(configuration.bounds))
    violation = exploration.run()
    assert violation is None, str(violation)
    # Fewer states would mean that something is not explored any more; say so here when that is meant.
    assert exploration.states == configuration.states
