"""Giving back: parts of a leased bundle become pending bundles, one atomic write for each part."""

from collections.abc import Iterator

from tests.model.protocol.records import Bundle
from tests.model.protocol.state import Agent, Phase, State, Step
from tests.model.protocol.store import IDLE, find, first, hinted, is_live, put, tasks, with_agent, write
from tests.model.protocol.world import World


def give_back(world: World, state: State, agent: Agent, *, answered: bool = True) -> Iterator[Step]:
    """Yield the next write of a give-back; without an answer the agent will send it again."""
    bundle = find(state, agent.key)
    part = agent.parts[0][0]
    who = f"the agent of {agent.key}"
    if bundle is None or not is_live(state) or not world.rules.may_give_back(bundle, agent.attempt):
        if answered:
            yield f"{who} finds that it has nothing to give back", with_agent(state, agent, IDLE)
        return
    carved = agent.seen[0] if agent.seen else world.rules.carved(bundle, part)
    if carved and carved != bundle.open and not world.rules.carves_at_once and not agent.seen:
        # Only a seeded defect comes here: the parent is written first, the child a moment later.
        shrunk = bundle._replace(held=bundle.held & ~carved)
        between = agent._replace(seen=(carved, 1))
        yield f"{who} takes {tasks(carved)} out", write(with_agent(state, agent, between), shrunk, beat=True)
        return
    after = _answered(agent) if answered else agent
    moved = with_agent(state, agent, after)
    if carved:
        moved = carve(world, moved, agent, (carved, *agent.parts[0][1:]), taken=bool(agent.seen))
    yield f"{who} gives back {tasks(carved)}" + ("" if answered else ", and gets no answer"), moved


def carve(world: World, state: State, agent: Agent, part: tuple[int, int, int], *, taken: bool = False) -> State:
    """Return the state with a part of the agent's bundle made pending; ``taken`` if it is out of the bundle already."""
    bundle = find(state, agent.key)
    if bundle is None:
        return state
    carved = part[0] if taken else world.rules.carved(bundle, part[0])
    if not carved:
        return state
    child = _child(world, bundle, agent, (carved, *part[1:]))
    if carved == bundle.open:
        state = write(state, child, beat=True)
    else:
        state = write(state, bundle._replace(held=bundle.held & ~carved, tried=bundle.tried & ~carved), beat=True)
        state = state._replace(bundles=put(state.bundles, child))
    return hinted(state, child.key) if world.bounds.hints and not child.delayed else state


def _answered(agent: Agent) -> Agent:
    if agent.parts[1:]:
        return agent._replace(parts=agent.parts[1:], seen=())
    return agent._replace(phase=Phase.WORKING, parts=(), seen=()) if agent.todo else IDLE


def _child(world: World, bundle: Bundle, agent: Agent, part: tuple[int, int, int]) -> Bundle:
    """Return the pending bundle that holds what was carved: a child, or the same when that is all."""
    carved, delayed, lapses = part
    pending = bundle._replace(
        running=0,
        tried=world.rules.tries(bundle.tried, agent.tried) & carved,
        delayed=delayed,
        lapses=bundle.lapses if lapses < 0 else lapses,
    )
    if carved == bundle.open:
        return pending
    start = first(carved).bit_length() - 1
    birth = world.rules.birth(bundle, agent.attempt)
    return pending._replace(start=start, birth=birth, held=carved, done=0, attempt=0, alone=0)
