"""Writes to the stores, each of them atomic, and what they make stale."""

from tests.model.protocol.records import Bundle, Entry, Key, SessionState
from tests.model.protocol.state import Agent, Look, State

IDLE = Agent()
UNSEEN = Look()


def tasks(mask: int) -> list[int]:
    """Return the tasks of a set."""
    return [task for task in range(mask.bit_length()) if mask >> task & 1]


def first(mask: int) -> int:
    """Return the set of the first task of a set."""
    return mask & -mask


def find(state: State, key: Key) -> Bundle | None:
    """Return a bundle's record, if it is there."""
    for bundle in state.bundles:
        if bundle.key == key:
            return bundle
    return None


def put(bundles: tuple[Bundle, ...], bundle: Bundle) -> tuple[Bundle, ...]:
    """Return the records with this one, which replaces one of its name."""
    return tuple(sorted([*(other for other in bundles if other.key != bundle.key), bundle]))


def write(state: State, bundle: Bundle, *, beat: bool) -> State:
    """Return the state with a bundle's record written: what was read of it before is stale.

    ``beat`` tells whether (attempt, beat) changes, which is all that a reaper looks at.
    """
    agents = state.agents
    if any(agent.seen for agent in agents):
        agents = tuple(sorted(_outdated(agent, bundle.key) for agent in agents))
    state = state._replace(bundles=put(state.bundles, bundle), agents=agents)
    return beaten(state, bundle.key) if beat else state


def beaten(state: State, key: Key) -> State:
    """Return the state after (attempt, beat) of a bundle has changed."""
    if any(look.fresh for look in state.looks):
        looks = sorted(look._replace(fresh=0) if look.key == key else look for look in state.looks)
        state = state._replace(looks=tuple(looks))
    if state.rows:
        state = state._replace(rows=tuple(row._replace(fresh=0) if row.key == key else row for row in state.rows))
    return state


def _outdated(agent: Agent, key: Key) -> Agent:
    return agent._replace(seen=(*agent.seen[:-1], 0)) if agent.seen and agent.key == key else agent


def with_agent(state: State, old: Agent, new: Agent) -> State:
    """Return the state with one agent changed; agents are all alike, so they are kept sorted."""
    agents = list(state.agents)
    agents[agents.index(old)] = new
    agents.sort()
    return state._replace(agents=tuple(agents))


def with_look(state: State, old: Look, new: Look) -> State:
    """Return the state with what one reaper saw changed; reapers are all alike, too."""
    looks = list(state.looks)
    looks.remove(old)
    looks.append(new)
    return state._replace(looks=tuple(sorted(looks)))


def hinted(state: State, key: Key) -> State:
    """Return the state with a hint; one that is there already says the same."""
    return state if key in state.hints else state._replace(hints=tuple(sorted((*state.hints, key))))


def unhinted(state: State, key: Key) -> State:
    """Return the state without a hint."""
    return state._replace(hints=tuple(hint for hint in state.hints if hint != key))


def is_live(state: State) -> bool:
    """Return whether the session is there, and neither cancelled nor deleted."""
    return state.header is not None and state.header.state <= SessionState.SEALED


def is_closed(log: tuple[Entry, ...]) -> bool:
    """Return whether a log has its closing entry."""
    return bool(log) and bool(log[-1].closing)


def recorded(state: State) -> int:
    """Return the tasks that have an outcome in a log."""
    mask = 0
    for log in state.logs:
        for entry in log:
            mask |= entry.succeeded | entry.failed
    return mask
