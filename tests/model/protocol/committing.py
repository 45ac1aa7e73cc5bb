"""The commit: bundle and entry n + 1 in one atomic write, after a read of bundle and tail."""

from collections.abc import Iterator

from tests.model.protocol.records import Bundle, Entry, Pack, SessionState
from tests.model.protocol.state import Agent, Phase, State, Step
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
        yield _written(world, state, agent, agent, bundle, answered=answered)
        return
    if bundle is None or _is_over(world, state, bundle):
        if answered:
            yield f"{who} learns that the session is over", with_agent(state, agent, IDLE)
        return
    reading = agent._replace(seen=_read(world, state, agent, bundle))
    if not world.bounds.reads:
        yield _written(world, state, agent, reading, bundle, answered=answered)
    elif answered:
        yield f"{who} reads bundle and tail", with_agent(state, agent, reading)


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


def _written(world: World, state: State, old: Agent, agent: Agent, bundle: Bundle, *, answered: bool) -> Step:
    """Return the write that follows from what the agent read; ``old`` is the agent as the state has it."""
    _, succeeded, failed, current, _ = agent.seen
    accepted = succeeded | failed
    ended = bundle._replace(done=bundle.done | accepted)
    name = f"the agent of {agent.key} commits {tasks(accepted)} in attempt {agent.attempt}"
    if not answered:
        name += ", and gets no answer"
        after = agent._replace(seen=())
    else:
        after = _answered(world, agent) if current and ended.open else IDLE
    state = with_agent(state, old, after)
    if accepted:
        state = _append(world, state, agent, bundle)
        state = write(state, ended if ended.open else ended._replace(running=0), beat=bool(current))
    return name, state


def _answered(world: World, agent: Agent) -> Agent:
    return agent._replace(
        phase=Phase.WORKING,
        todo=agent.todo & ~(agent.succeeded | agent.failed),
        flush=world.rules.next_number(agent.flush),
        succeeded=0,
        failed=0,
        seen=(),
    )


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
