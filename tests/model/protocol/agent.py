"""Agents: claim, run, commit, give back. An agent holds one bundle; one that crashed comes again as a new one.

What an agent does by itself is no step of its own: it runs tasks and puts a pack with any of their outcomes at once,
as nobody can see the one without the other. It may be late at any time and by any time: nothing here asks a clock.
"""

from collections.abc import Iterator

from tests.model.protocol.committing import commit
from tests.model.protocol.records import Bundle, Key
from tests.model.protocol.returning import give_back
from tests.model.protocol.state import Agent, Order, Phase, State, Step
from tests.model.protocol.store import IDLE, find, first, is_live, unhinted, with_agent, write
from tests.model.protocol.working import fail, plan_return, return_meanwhile, taken, work
from tests.model.protocol.world import World


def progress(world: World, state: State) -> Iterator[Step]:
    """Yield the steps of agents of which nothing went wrong."""
    for agent in dict.fromkeys(state.agents):
        match agent.phase:
            case Phase.IDLE:
                yield from _ask(world, state, agent)
            case Phase.ASKING:
                yield "an agent claims", _claim(world, state, agent)
            case Phase.WORKING:
                yield from work(world, state, agent)
            case Phase.COMMITTING:
                yield from commit(world, state, agent)
            case _:
                yield from give_back(world, state, agent)
        # Whatever it does with the store, its other tasks go on running.
        running = agent.todo & ~(agent.succeeded | agent.failed) if agent.order == Order.ANY else 0
        if agent.phase >= Phase.COMMITTING and running & world.bounds.poison:
            yield f"the agent of {agent.key} is taken along meanwhile", taken(state, agent)


def faults(world: World, state: State) -> Iterator[Step]:
    """Yield what may go wrong with agents, and what they need not do."""
    left = state.left
    for agent in dict.fromkeys(state.agents):
        if agent.phase == Phase.IDLE:
            yield from _claim_unanswered(world, state, agent)
            continue
        if left.crashes:
            crashed = state._replace(left=left._replace(crashes=left.crashes - 1))
            yield f"the agent of {agent.key} crashes", with_agent(crashed, agent, IDLE)
        if agent.phase == Phase.WORKING and agent.order <= Order.IN_ORDER:
            yield from fail(world, state, agent)
        if agent.phase == Phase.WORKING and agent.order == Order.ANY:
            yield from plan_return(world, state, agent)
        if world.bounds.lanes and agent.phase == Phase.COMMITTING and agent.order == Order.ANY:
            yield from return_meanwhile(world, state, agent)
        if left.replies and agent.phase >= Phase.COMMITTING:
            yield from _unanswered(world, state, agent)


def _ask(world: World, state: State, agent: Agent) -> Iterator[Step]:
    if not world.bounds.hints:
        for bundle in state.bundles:
            if world.rules.wins(bundle) and world.rules.claimable(state.header, bundle):
                asking = _asking(state, bundle.key)
                yield f"an agent claims {bundle.key}", _claim(world, with_agent(state, agent, asking), asking)
        return
    for key in state.hints:
        taken = unhinted(state, key)
        bundle_of_hint = find(state, key)
        if bundle_of_hint is None or not world.rules.claimable(state.header, bundle_of_hint):
            yield f"an agent refuses {key}", taken
            continue
        asking = _asking(state, key)
        after = with_agent(taken, agent, asking)
        after = after if world.bounds.asks else _claim(world, after, asking)
        yield f"an agent asks for {key}", after
        if state.left.doubled:
            again = after._replace(hints=state.hints, left=state.left._replace(doubled=state.left.doubled - 1))
            yield f"an agent asks for {key}, and the hint comes again", again


def _asking(state: State, key: Key) -> Agent:
    return Agent(phase=Phase.ASKING, start=key[0], birth=key[1], late=int(not is_live(state)))


def _claim(world: World, state: State, agent: Agent) -> State:
    bundle = find(state, agent.key)
    if bundle is None or not world.rules.wins(bundle):
        return with_agent(state, agent, IDLE)
    taken = bundle._replace(running=1, attempt=world.rules.attempted(bundle.attempt))
    holder = agent._replace(
        phase=Phase.WORKING,
        attempt=taken.attempt,
        todo=bundle.open,
        tried=bundle.tried & bundle.open,
        order=_order(world, bundle),
    )
    return write(with_agent(state, agent, holder), taken, beat=True)


def _order(world: World, bundle: Bundle) -> Order:
    lapses = bundle.lapses + bundle.alone
    if bundle.alone >= world.bounds.alone:
        return Order.LOST
    if world.rules.isolated(lapses, world.bounds.suspect) and bundle.open != first(bundle.open):
        return Order.ISOLATED
    return Order.IN_ORDER if lapses >= world.bounds.suspect else Order.ANY


def _claim_unanswered(world: World, state: State, agent: Agent) -> Iterator[Step]:
    """Yield claims that take effect, and of which nobody knows."""
    if state.left.replies:
        spent = state._replace(left=state.left._replace(replies=state.left.replies - 1))
        for bundle in state.bundles:
            if world.rules.wins(bundle) and world.rules.claimable(state.header, bundle):
                taken = bundle._replace(running=1, attempt=world.rules.attempted(bundle.attempt))
                yield f"a claim of {bundle.key} is not answered", write(spent, taken, beat=True)


def _unanswered(world: World, state: State, agent: Agent) -> Iterator[Step]:
    """Yield requests that take effect, after which the agent sends the same again."""
    spent = state._replace(left=state.left._replace(replies=state.left.replies - 1))
    if agent.phase == Phase.COMMITTING:
        yield from commit(world, spent, agent, answered=False)
    else:
        yield from give_back(world, spent, agent, answered=False)
