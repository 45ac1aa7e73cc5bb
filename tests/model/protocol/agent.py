"""Agents: claim, run, commit, give back. An agent holds one bundle; one that crashed comes again as a new one.

What an agent does by itself is no step of its own: it runs tasks and puts a pack with any of their outcomes at once,
as nobody can see the one without the other. It may be late at any time and by any time: nothing here asks a clock.
"""

from collections.abc import Iterator

from tests.model.protocol.committing import commit
from tests.model.protocol.returning import carve, give_back
from tests.model.protocol.state import Agent, Bundle, Key, Order, Pack, Phase, State, Step
from tests.model.protocol.store import IDLE, beaten, find, first, is_live, tasks, unhinted, with_agent, write
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
                yield from _work(world, state, agent)
            case Phase.COMMITTING:
                yield from commit(world, state, agent)
            case _:
                yield from give_back(world, state, agent)


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
            yield from _fail(world, state, agent)
        if agent.phase == Phase.WORKING and agent.order == Order.ANY:
            yield from _return(world, state, agent)
        if world.bounds.lanes and agent.phase == Phase.COMMITTING and agent.order == Order.ANY:
            yield from _return_meanwhile(world, state, agent)
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


def _work(world: World, state: State, agent: Agent) -> Iterator[Step]:
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
        yield f"the agent of {agent.key} is taken along by a poison task", _taken(state, agent)
    for succeeded in _subsets(within & ~world.bounds.poison & ~world.bounds.doomed):
        yield from _put(world, state, agent, succeeded, 0)
    yield from _try(world, state, agent, within & world.bounds.doomed)


def _taken(state: State, agent: Agent) -> State:
    return with_agent(state, agent, IDLE)._replace(taken=state.taken + 1)


def _isolate(world: World, state: State, agent: Agent) -> Iterator[Step]:
    """Yield the give-back of all but the first task."""
    alone = first(agent.todo)
    if not world.rules.isolates_first and alone & world.bounds.poison:
        yield f"the agent of {agent.key} is taken along before it gives back", _taken(state, agent)
    parts = ((agent.todo & ~alone, 0, world.bounds.suspect),)
    returning = agent._replace(phase=Phase.RETURNING, order=Order.IN_ORDER, todo=alone, parts=parts)
    yield from give_back(world, with_agent(state, agent, returning), returning)


def _put(world: World, state: State, agent: Agent, succeeded: int, failed: int) -> Iterator[Step]:
    committing = agent._replace(phase=Phase.COMMITTING, succeeded=succeeded, failed=failed)
    after = with_agent(state, agent, committing)
    if world.bounds.packs:
        pack = Pack(world.rules.pack_name(agent), agent.attempt, succeeded, failed)
        if all(other.name != pack.name for other in state.packs):
            after = after._replace(packs=tuple(sorted([*state.packs, pack])))
    how = "failed" if failed else "done"
    yield f"the agent of {agent.key} puts a pack with {tasks(succeeded | failed)} {how}", after


def _fail(world: World, state: State, agent: Agent) -> Iterator[Step]:
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


def _return(world: World, state: State, agent: Agent) -> Iterator[Step]:
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


def _return_meanwhile(world: World, state: State, agent: Agent) -> Iterator[Step]:
    """Yield a give-back of all that is left while a commit is under way."""
    bundle, rest = find(state, agent.key), agent.todo & ~(agent.succeeded | agent.failed)
    if state.left.returns and rest and bundle is not None and world.rules.may_give_back(bundle, agent.attempt):
        spent = state._replace(left=state.left._replace(returns=state.left.returns - 1))
        after = carve(world, with_agent(spent, agent, agent._replace(todo=agent.todo & ~rest)), agent, (rest, 0, -1))
        yield f"the agent of {agent.key} gives back {tasks(rest)} while it commits", after


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


def _subsets(mask: int) -> Iterator[int]:
    subset = mask
    while subset:
        yield subset
        subset = (subset - 1) & mask
