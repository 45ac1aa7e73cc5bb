"""Reapers: leases that lapsed, hints that were lost, delays that are over, and logs that are to be closed.

A look and the write that follows from it may be as far apart as can be, and so stands for any lease time: a lease
may lapse whenever (attempt, beat) is as it was seen. That of an agent that works on counts as a pause.
"""

from collections.abc import Iterator

from tests.model.protocol.records import Bundle, Key
from tests.model.protocol.state import Look, Phase, Row, State, Step
from tests.model.protocol.store import UNSEEN, find, hinted, is_live, with_look, write
from tests.model.protocol.world import World


def progress(world: World, state: State) -> Iterator[Step]:
    """Yield what reapers do about agents that are gone, and about hints."""
    yield from _lapses(world, state, pause=False)
    if world.bounds.stale_index:
        yield from _catch_up(state)
    for bundle in state.bundles:
        if bundle.delayed:
            yield f"the delay of {bundle.key} is over", _over(state, bundle)
    if world.bounds.hints and is_live(state):
        yield from _hint_again(world, state)
    if world.bounds.reapers and is_live(state):
        yield from _look(world, state)


def faults(world: World, state: State) -> Iterator[Step]:
    """Yield leases that lapse under an agent that is late."""
    if state.left.pauses:
        yield from _lapses(world, state, pause=True)


def _hint_again(world: World, state: State) -> Iterator[Step]:
    """Yield hints of bundles that are pending, or were so when the index took them in."""
    pending = [bundle.key for bundle in state.bundles if world.rules.wins(bundle)]
    if world.bounds.stale_index:
        pending = [row.key for row in state.rows if not row.running]
    for key in pending:
        bundle = find(state, key)
        if bundle is None or key in state.hints or not world.rules.hints_again(bundle):
            continue
        if world.rules.claimable(state.header, bundle):
            yield f"a reaper hints {key} again", hinted(state, key)


def _over(state: State, bundle: Bundle) -> State:
    # Time passes, and nothing is written.
    ready = bundle._replace(delayed=0)
    return state._replace(bundles=tuple(sorted(ready if other is bundle else other for other in state.bundles)))


def _look(world: World, state: State) -> Iterator[Step]:
    rows = state.rows if world.bounds.stale_index else [_row(bundle) for bundle in state.bundles]
    for held in dict.fromkeys(state.looks):
        for row in rows:
            look = Look(row.start, row.birth, row.attempt, row.fresh)
            if row.running and look != held:
                yield f"a reaper looks at {row.key}", with_look(state, held, look)


def _row(bundle: Bundle) -> Row:
    return Row(bundle.start, bundle.birth, bundle.running, bundle.attempt, 1)


def _catch_up(state: State) -> Iterator[Step]:
    """Yield the index's taking in one bundle as it is now."""
    for bundle in state.bundles:
        row = _row(bundle)
        if row not in state.rows:
            rows = sorted([*(other for other in state.rows if other.key != row.key), row])
            yield f"the index takes in {row.key}", state._replace(rows=tuple(rows))


def _lapses(world: World, state: State, *, pause: bool) -> Iterator[Step]:
    if not is_live(state):
        return
    if not world.bounds.reapers:
        for bundle in state.bundles:
            if bundle.running and _works_on(state, bundle.key, bundle.attempt) == pause:
                yield f"the lease of {bundle.key} lapses", _lapsed(world, state, bundle, pause=pause)
        return
    for look in dict.fromkeys(state.looks):
        bundle_seen = find(state, look.key)
        if not look.attempt:
            continue
        if bundle_seen is None or not world.rules.lapses(bundle_seen, look):
            if not pause:
                yield f"a reaper finds {look.key} changed", with_look(state, look, UNSEEN)
        elif (bool(look.fresh) and _works_on(state, look.key, bundle_seen.attempt)) == pause:
            after = _lapsed(world, with_look(state, look, UNSEEN), bundle_seen, pause=pause)
            yield f"a reaper lets the lease of {look.key} lapse", after


def _works_on(state: State, key: Key, attempt: int) -> bool:
    return any(agent.key == key and agent.attempt == attempt and agent.phase >= Phase.WORKING for agent in state.agents)


def _lapsed(world: World, state: State, bundle: Bundle, *, pause: bool) -> State:
    if pause:
        state = state._replace(left=state.left._replace(pauses=state.left.pauses - 1))
    alone = int(world.rules.counts_alone(bundle))
    pending = bundle._replace(running=0, lapses=bundle.lapses + 1 - alone, alone=bundle.alone + alone)
    return write(state, pending, beat=True)
