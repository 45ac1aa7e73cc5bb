"""The commit: bundle and entry n + 1 in one atomic write, after a read of bundle and tail."""

from collections.abc import Iterator

from tests.model.protocol.state import Agent, Bundle, Entry, Pack, Phase, SessionState, State, Step
from tests.model.protocol.store import IDLE, find, is_closed, tasks, with_agent, write
from tests.model.protocol.world import World


def commit(world: World, state: State, agent: Agent, *, answered: bool = True) -> Iterator[Step]:
    """Yield the next request of a commit; without an answer the agent will send it again."""
    bundle = find(state, agent.key)
    who = f"the agent of {agent.key}"
    if agent.seen:
        if bundle is None or not agent.seen[-1] or not _appends(world, state, bundle, agent):
            if answered:
                yield f"{who} finds bundle or log changed", with_agent(state, agent, agent._replace(seen=()))
            return
        yield _written(world, state, agent, bundle, answered=answered)
        return
    if bundle is None or _is_over(world, state, bundle):
        if answered:
            yield f"{who} learns that the session is over", with_agent(state, agent, IDLE)
        return
    seen = _read(world, state, agent, bundle)
    reading = agent._replace(seen=seen)
    after = with_agent(state, agent, reading)
    if not world.bounds.reads:
        yield _written(world, after, reading, bundle, answered=answered)
    elif answered:
        yield f"{who} reads bundle and tail", after


def _is_over(world: World, state: State, bundle: Bundle) -> bool:
    header = state.header
    return header is None or header.state >= SessionState.TOMBSTONE or is_closed(_log(world, state, bundle))


def _log(world: World, state: State, bundle: Bundle) -> tuple[Entry, ...]:
    return state.logs[world.bounds.log_of(bundle.root)]


def _appends(world: World, state: State, bundle: Bundle, agent: Agent) -> bool:
    return world.rules.appends(_log(world, state, bundle), agent.seen[0])


def _read(world: World, state: State, agent: Agent, bundle: Bundle) -> tuple[int, ...]:
    succeeded, failed = world.rules.accepted(bundle, agent.attempt, agent.succeeded, agent.failed)
    current = int(world.rules.is_current(bundle, agent.attempt))
    return len(_log(world, state, bundle)), succeeded, failed, current, 1


def _written(world: World, state: State, agent: Agent, bundle: Bundle, *, answered: bool) -> Step:
    _, succeeded, failed, current, _ = agent.seen
    accepted = succeeded | failed
    if accepted:
        state = _append(world, state, agent, bundle)
        bundle = bundle._replace(done=bundle.done | accepted)
        bundle = bundle._replace(running=bundle.running if bundle.open else 0)
        # What the write makes stale is also what this agent read.
        agent = agent._replace(seen=(*agent.seen[:-1], 0))
        state = write(_with_seen(state, agent), bundle, beat=bool(current))
    name = f"the agent of {agent.key} commits {tasks(accepted)} in attempt {agent.attempt}"
    if not answered:
        return f"{name}, and gets no answer", with_agent(state, agent, agent._replace(seen=()))
    after = IDLE
    if current and bundle.open:
        after = agent._replace(
            phase=Phase.WORKING,
            todo=agent.todo & ~(agent.succeeded | agent.failed),
            flush=world.rules.next_number(agent.flush),
            succeeded=0,
            failed=0,
            seen=(),
        )
    return name, with_agent(state, agent, after)


def _with_seen(state: State, agent: Agent) -> State:
    fresh = agent._replace(seen=(*agent.seen[:-1], 1))
    return with_agent(state, fresh, agent)


def _append(world: World, state: State, agent: Agent, bundle: Bundle) -> State:
    tail, succeeded, failed, current, _ = agent.seen
    number = world.bounds.log_of(bundle.root)
    log = state.logs[number]
    before = log[tail - 1] if tail else Entry(0, 0, 0, 0)
    entry = Entry(
        succeeded,
        failed,
        before.successes + world.rules.counts(succeeded, agent.succeeded),
        before.failures + world.rules.counts(failed, agent.failed),
        pack=Pack(world.rules.pack_name(agent), agent.attempt, agent.succeeded, agent.failed)
        if world.bounds.packs
        else None,
        stale=int(bool(failed) and not current),
    )
    return state._replace(
        logs=(*state.logs[:number], (*log[:tail], entry, *log[tail + 1 :]), *state.logs[number + 1 :])
    )
