"""The protocol keeps its promises in every state that it can reach, within bounds that are explored to exhaustion."""

import pytest

from tests.model.protocol.bounds import Bounds
from tests.model.protocol.configurations import LARGE, SMALL, Configuration
from tests.model.protocol.explorer import Exploration
from tests.model.protocol.state import Left
from tests.model.protocol.system import System


@pytest.mark.parametrize("configuration", SMALL, ids=lambda configuration: configuration.name)
def test_every_reachable_state_is_right_and_lets_every_accepted_task_end(configuration: Configuration) -> None:
    exploration = Exploration(System(configuration.bounds))
    violation = exploration.run()
    assert violation is None, str(violation)
    # Fewer states would mean that something is not explored any more; say so there when that is meant.
    assert len(exploration) == configuration.states


def test_everything_that_can_be_bounded_is_let_loose_in_some_configuration() -> None:
    least = Bounds()
    fields = {name for name in least._fields if name != "left"}
    assert (
        not fields
        - {name for name in fields for each in SMALL if getattr(each.bounds, name) != getattr(least, name)}
        - {"suspect", "alone"}
    )
    assert all(any(getattr(each.bounds.left, fault) for each in SMALL) for fault in Left._fields)


def test_a_large_configuration_is_explored_by_make_model_only() -> None:
    assert not {each.name for each in SMALL} & {each.name for each in LARGE}


@pytest.mark.parametrize("left", [Left(), Left(pauses=1), Left(crashes=1)], ids=["alone", "pause", "crash"])
def test_a_poison_task_costs_seven_agents_whatever_lapses_beside_it(left: Left) -> None:
    exploration = Exploration(System(Bounds(roots=(3,), poison=2, left=left)))
    assert exploration.run() is None
    assert max(state.taken for state in exploration) == 7


def test_of_a_deleted_session_nothing_is_left_in_the_end() -> None:
    system = System(Bounds(roots=(2,), packs=True, sweeps=True, reads=True, left=Left(crashes=1, deletes=1)))
    exploration = Exploration(system)
    assert exploration.run() is None
    assert exploration.stuck(system.collected, "everything of a deleted session can go") is None


def test_a_pack_that_comes_after_the_collection_is_left_where_none_are_swept() -> None:
    system = System(Bounds(roots=(2,), packs=True, agents=1, left=Left(deletes=1)))
    exploration = Exploration(system)
    assert exploration.run() is None
    violation = exploration.stuck(system.collected, "everything of a deleted session can go")
    assert violation is not None
    assert violation.state.packs


def test_an_innocent_task_outlives_three_agents_that_are_lost_with_it_alone_and_not_a_fourth() -> None:
    alone = Bounds(roots=(1,), agents=1)
    assert Exploration(System(alone._replace(left=Left(crashes=3)))).run() is None
    violation = Exploration(System(alone._replace(left=Left(crashes=4)))).run()
    assert violation is not None
    assert violation.rule == "only_the_guilty_fail"
    assert sum("crashes" in step for step in violation.trace) == 4
