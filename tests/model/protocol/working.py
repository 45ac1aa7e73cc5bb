"""What the holder of a bundle does: it runs tasks, puts packs of their outcomes, and plans to give back."""

from collections.abc import Iterator

from tests.model.protocol.records import Pack
from tests.model.protocol.returning import carve
from tests.model.protocol.state import Agent, Order, Phase, State, Step
from tests.model.protocol.store import IDLE, beaten, find, first, is_live, tasks, with_agent
from tests.model.protocol.world import World


def work(world: World, state: State, agent: Agent) -> Iterator[Step]:
    """Yield what the holder of a bundle does next, and that it learns of a lost lease."""
    bundle = find(state, agent.key)
    if bundle is None or not is_live(state) or not world.rules.is_current(bundle, agent.attempt):
        yield f"the agent of {agent.key} learns that its lease is lost", with_agent(state, agent, IDLE)
    elif any(look.fresh and look.key == agent.key for look in state.looks):
        yield f"the agent of {agent.key} renews", beaten(state, agent.key)
    if agent.order == Order.LOST:
        yield from _put(world, state, agent, 0, agent.todo)
        return
    if agent.order == Order.ISOLATED:
        yield from _isolate(world, state, agent)
        return
    within = first(agent.todo) if agent.order == Order.IN_ORDER else agent.todo
    if within & world.bounds.poison:
        yield f"the agent of {agent.key} is taken along by a poison task", taken(state, agent)
    for succeeded in _subsets(within & ~world.bounds.poison & ~world.bounds.doomed):
        yield from _put(world, state, agent, succeeded, 0)
    yield from _try(world, state, agent, within & world.bounds.doomed)


def taken(state: State, agent: Agent) -> State:
    """Return the state after a poison task took an agent along."""
    return with_agent(state, agent, IDLE)._replace(taken=state.taken + 1)


def _isolate(world: World, state: State, agent: Agent) -> Iterator[Step]:
    """Yield the give-back of all but the first task."""
    alone = first(agent.todo)
    if not world.rules.isolates_first and alone & world.bounds.poison:
        yield f"the agent of {agent.key} is taken along before it gives back", taken(state, agent)
    parts = ((agent.todo & ~alone, 0, world.bounds.suspect),)
    returning = agent._replace(phase=Phase.RETURNING, order=Order.IN_ORDER, todo=alone, parts=parts)
    yield f"the agent of {agent.key} is to keep {tasks(alone)} alone", with_agent(state, agent, returning)


def _put(world: World, state: State, agent: Agent, succeeded: int, failed: int) -> Iterator[Step]:
    committing = agent._replace(phase=Phase.COMMITTING, succeeded=succeeded, failed=failed)
    after = with_agent(state, agent, committing)
    if world.bounds.packs:
        pack = Pack(world.rules.pack_name(agent), agent.attempt, succeeded, failed)
        if all(other.name != pack.name for other in state.packs):
            after = after._replace(packs=tuple(sorted([*state.packs, pack])))
    how = "failed" if failed else "done"
    yield f"the agent of {agent.key} puts a pack with {tasks(succeeded | failed)} {how}", after


def fail(world: World, state: State, agent: Agent) -> Iterator[Step]:
    """Yield failing tries of tasks that may fail."""
    fails = state.left.fails
    if fails:
        within = first(agent.todo) if agent.order == Order.IN_ORDER else agent.todo
        spent = state._replace(left=state.left._replace(fails=fails - 1))
        yield from _try(world, spent, agent, within & world.bounds.flaky)


def _try(world: World, state: State, agent: Agent, failing: int) -> Iterator[Step]:
    """Yield a try of each of these tasks that fails: the first is repeated here or anywhere later, the second ends."""
    for task in tasks(failing):
        mask = 1 << task
        name = f"a try of {task} fails at the agent of {agent.key}"
        if agent.tried & mask:
            for put, after in _put(world, state, agent, 0, mask):
                yield f"{name}; {put}", after
            continue
        again = agent._replace(tried=agent.tried | mask)
        yield f"{name}, which will try again", with_agent(state, agent, again)
        if agent.order == Order.ANY:
            returning = again._replace(phase=Phase.RETURNING, todo=again.todo & ~mask, parts=((mask, 1, -1),))
            yield f"{name}, which will give it back with a delay", with_agent(state, agent, returning)


def plan_return(world: World, state: State, agent: Agent) -> Iterator[Step]:
    """Yield give-backs of what will not be reached, in one part or in several, and of everything."""
    left, rest = state.left, agent.todo & ~first(agent.todo)
    if left.returns and rest:
        spent = state._replace(left=left._replace(returns=left.returns - 1))
        parts: tuple[tuple[int, int, int], ...] = ((rest, 0, -1),)
        if world.bounds.stepwise:
            parts = tuple((1 << task, 0, -1) for task in tasks(rest))
        returning = agent._replace(phase=Phase.RETURNING, todo=first(agent.todo), parts=parts)
        yield f"the agent of {agent.key} is to give back {tasks(rest)}", with_agent(spent, agent, returning)
    if left.stops:
        spent = state._replace(left=left._replace(stops=left.stops - 1))
        returning = agent._replace(phase=Phase.RETURNING, todo=0, parts=((agent.todo, 0, -1),))
        yield f"the agent of {agent.key} is to stop", with_agent(spent, agent, returning)


def return_meanwhile(world: World, state: State, agent: Agent) -> Iterator[Step]:
    """Yield a give-back of all that is left while a commit is under way."""
    bundle, rest = find(state, agent.key), agent.todo & ~(agent.succeeded | agent.failed)
    if state.left.returns and rest and bundle is not None and world.rules.may_give_back(bundle, agent.attempt):
        spent = state._replace(left=state.left._replace(returns=state.left.returns - 1))
        after = carve(world, with_agent(spent, agent, agent._replace(todo=agent.todo & ~rest)), agent, (rest, 0, -1))
        yield f"the agent of {agent.key} gives back {tasks(rest)} while it commits", after


def _subsets(mask: int) -> Iterator[int]:
    subset = mask
    while subset:
        yield subset
        subset = (subset - 1) & mask
