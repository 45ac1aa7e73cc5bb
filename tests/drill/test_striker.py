"""Hints are lost where they can be, and strikes that have no effect are none."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from htcgrid.drill.crew import Crew
from htcgrid.drill.plan import Plan, Strike
from htcgrid.drill.striker import Striker
from htcgrid.interfaces import StateStore, TaskQueue
from htcgrid.local.queue import SqliteTaskQueue
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import Hint
from htcgrid.testing.samples import bundles_of, session_of

BUNDLES = 40


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    with closing(SqliteStateStore(tmp_path / "state")) as store:
        yield store


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    plan = Plan(tasks=1, seconds=60.0, strikes=(), every=0.0, pool="default")
    with closing(Crew(plan, tmp_path / "grid.toml", tmp_path)) as crew:
        yield crew


def striker_of(state: StateStore, queue: TaskQueue, crew: Crew, *strikes: Strike) -> Striker:
    """Return a striker whose time has come, over a session with pending bundles, each hinted once."""
    session = session_of()
    bundles = bundles_of(session, BUNDLES)
    state.create(session, bundles, sealed=True)
    queue.send([Hint(key=bundle.key, pool=session.pool) for bundle in bundles])
    plan = Plan(tasks=1, seconds=60.0, strikes=strikes, every=0.0, pool=session.pool)
    return Striker(plan, crew, lambda: False, state=state, queue=queue, session=session.id, lease=timedelta(seconds=5))


def waiting(queue: TaskQueue) -> int:
    """Return how many hints wait."""
    depth = queue.depth("default")
    assert depth is not None
    return depth


@pytest.mark.parametrize(
    ("strike", "left"),
    [(Strike.QUEUE_EMPTIED, 0), (Strike.HINTS_DROPPED, 0), (Strike.HINTS_DOUBLED, 2 * BUNDLES)],
)
def test_hints_of_a_queue_that_stands_apart_are_struck(
    state: StateStore, crew: Crew, tmp_path: Path, strike: Strike, left: int
) -> None:
    with closing(SqliteTaskQueue(tmp_path / "queue")) as queue:
        striker = striker_of(state, queue, crew, strike)
        striker.tick()
        assert [struck.strike for struck in striker.struck] == [strike]
        assert waiting(queue) == left


def test_a_queue_with_doubled_hints_can_be_emptied(state: StateStore, crew: Crew, tmp_path: Path) -> None:
    with closing(SqliteTaskQueue(tmp_path / "queue")) as queue:
        striker = striker_of(state, queue, crew, Strike.HINTS_DOUBLED)
        for _ in range(5):
            # From the second on, what is taken has doubles.
            striker.tick()
        assert waiting(queue) > 2 * BUNDLES
        emptying = striker_of(state, queue, crew, Strike.QUEUE_EMPTIED)
        emptying.tick()
        assert [struck.strike for struck in emptying.struck] == [Strike.QUEUE_EMPTIED]
        assert waiting(queue) == 0


def test_an_emptied_queue_is_dry_until_it_has_hints_again(state: StateStore, crew: Crew, tmp_path: Path) -> None:
    with closing(SqliteTaskQueue(tmp_path / "queue")) as queue:
        striker = striker_of(state, queue, crew, Strike.QUEUE_EMPTIED)
        striker.tick()
        striker.tick()
        assert striker.struck[0].until == striker.struck[0].at
        queue.send(state.due(10, dry="default"))
        striker.tick()
        assert striker.struck[0].until > striker.struck[0].at


@pytest.mark.parametrize("strike", [Strike.QUEUE_EMPTIED, Strike.HINTS_DROPPED, Strike.HINTS_DOUBLED])
def test_a_queue_that_is_the_state_store_has_nothing_to_lose(
    state: StateStore, crew: Crew, tmp_path: Path, strike: Strike
) -> None:
    with closing(SqliteTaskQueue(tmp_path / "state")) as queue:
        striker = striker_of(state, queue, crew, strike)
        striker.tick()
        assert striker.struck == []
        assert waiting(queue) == BUNDLES


def test_without_agents_and_clients_nothing_is_struck(state: StateStore, crew: Crew, tmp_path: Path) -> None:
    with closing(SqliteTaskQueue(tmp_path / "state")) as queue:
        striker = striker_of(state, queue, crew, *Strike)
        striker.tick()
        assert striker.struck == []
