"""What is true of every state."""

from collections.abc import Callable

from tests.model.protocol.bounds import Bounds
from tests.model.protocol.client import REFUSED
from tests.model.protocol.records import SessionState
from tests.model.protocol.state import Phase, State
from tests.model.protocol.store import find, is_closed, is_live, recorded

Invariant = Callable[[Bounds, State], bool]


def one_outcome(bounds: Bounds, state: State) -> bool:
    """No task is in two entries, or twice in one."""
    mask = 0
    for log in state.logs:
        for entry in log:
            if entry.succeeded & entry.failed or mask & (entry.succeeded | entry.failed):
                return False
            mask |= entry.succeeded | entry.failed
    return True


def outcomes_are_final(bounds: Bounds, state: State) -> bool:
    """What a bundle's record says is done is what the logs hold, so that nothing recorded is lost or changed."""
    if _is_gone(state):
        return True
    done = 0
    for bundle in state.bundles:
        done |= bundle.done
    return done == recorded(state)


def counts_are_exact(bounds: Bounds, state: State) -> bool:
    """Cumulative counts equal the entries."""
    for log in state.logs:
        successes = failures = 0
        for entry in log:
            successes += entry.succeeded.bit_count()
            failures += entry.failed.bit_count()
            if (entry.successes, entry.failures) != (successes, failures):
                return False
    return True


def one_bundle(bounds: Bounds, state: State) -> bool:
    """Each task is in at most one bundle; under a tombstone a late client may write what nobody will claim."""
    if _is_gone(state):
        return True
    mask = 0
    for bundle in state.bundles:
        if mask & bundle.held:
            return False
        mask |= bundle.held
    return True


def accepted_is_kept(bounds: Bounds, state: State) -> bool:
    """Each accepted task is in a bundle of a session whose total covers it."""
    if not state.accepted:
        return True
    if _is_gone(state):
        return state.left.deletes < bounds.left.deletes
    held = 0
    for bundle in state.bundles:
        held |= bundle.held
    header = state.header
    return header is not None and not state.accepted & ~held and state.accepted.bit_length() <= header.total


def inputs_are_there(bounds: Bounds, state: State) -> bool:
    """The payloads of every bundle below a session's total are stored."""
    if _is_gone(state):
        return True
    below = (1 << state.header.total) - 1 if state.header else 0
    return not any(bundle.held & below & ~state.inputs for bundle in state.bundles)


def holder_keeps_its_tasks(bounds: Bounds, state: State) -> bool:
    """What the holder of a current lease has to run stays in its bundle."""
    for agent in state.agents:
        if agent.phase >= Phase.WORKING and is_live(state):
            bundle = find(state, agent.key)
            if bundle is not None and bundle.running and bundle.attempt == agent.attempt and agent.todo & ~bundle.held:
                return False
    return True


def only_the_guilty_fail(bounds: Bounds, state: State) -> bool:
    """A task fails when it is poison, or had as many failing tries as the policy allows."""
    failed = 0
    for log in state.logs:
        for entry in log:
            failed |= entry.failed
    innocent = failed & ~bounds.poison & ~bounds.doomed
    if not innocent:
        return True
    return innocent & ~bounds.flaky == 0 and bounds.left.fails - state.left.fails >= 2


def failures_are_current(bounds: Bounds, state: State) -> bool:
    """A failure is recorded only by the holder of the current lease."""
    return not any(entry.stale for log in state.logs for entry in log)


def losses_end(bounds: Bounds, state: State) -> bool:
    """A poison task takes so many agents along and no more, and a bundle is claimed no more often than is explained."""
    left = bounds.left
    false_lapses = left.crashes + left.pauses + left.replies
    taken = (bounds.suspect + 1 + bounds.alone) * bounds.poison.bit_count()
    # After a false lapse a late success may leave the next holder nothing to keep, so that it gives back all.
    most = 2 + taken + 2 * false_lapses + left.returns + left.stops + left.fails + bounds.doomed.bit_count()
    return state.taken <= taken and all(bundle.attempt <= most for bundle in state.bundles)


def packs_are_there(bounds: Bounds, state: State) -> bool:
    """A pack that an entry names is stored, and holds what the entry says."""
    if not bounds.packs or _is_gone(state):
        return True
    return all(entry.pack is None or entry.pack in state.packs for log in state.logs for entry in log)


def closed_is_closed(bounds: Bounds, state: State) -> bool:
    """Nothing comes after a closing entry, and the total is as it was then."""
    for log in state.logs:
        if any(entry.closing for entry in log[:-1]):
            return False
        if is_closed(log) and not _is_gone(state) and state.header is not None and log[-1].total != state.header.total:
            return False
    return True


def cancelled_is_not_begun(bounds: Bounds, state: State) -> bool:
    """No work is begun of a session that was over when its header was read."""
    return not any(agent.late and agent.phase >= Phase.WORKING for agent in state.agents)


def totals_are_true(bounds: Bounds, state: State) -> bool:
    """A session's total counts tasks that are there."""
    return state.header is None or state.header.total <= bounds.roots[-1]


def outcomes_are_of_the_session(bounds: Bounds, state: State) -> bool:
    """Only tasks below the total have outcomes, so that those that a cancel ends can be counted."""
    return _is_gone(state) or recorded(state).bit_length() <= (state.header.total if state.header else 0)


def contents_are_one(bounds: Bounds, state: State) -> bool:
    """Who was told that its tasks are accepted finds its own payloads."""
    if _is_gone(state):
        return True
    return not any(state.contents >> 8 * (1 - bundle.content) & bundle.held for bundle in state.bundles)


def repetition_is_recognised(bounds: Bounds, state: State) -> bool:
    """Who submits what another submitted before is not refused, while the session lives."""
    if len(set(bounds.clients)) > 1 or state.header is None or state.header.state > SessionState.SEALED:
        return True
    return all(client.at != REFUSED for client in state.clients)


def nothing_is_read_twice(bounds: Bounds, state: State) -> bool:
    """A reader is handed each outcome once."""
    return state.reader is None or not state.reader.twice


def cancelled_has_no_outcome(bounds: Bounds, state: State) -> bool:
    """A reader is told of no task that it was cancelled and also ended otherwise."""
    return state.reader is None or _is_gone(state) or not state.reader.cancelled & recorded(state)


def status_is_possible(bounds: Bounds, state: State) -> bool:
    """A status never tells of more outcomes than tasks, and calls finished only what is."""
    observer = state.observer
    if observer is None or observer.requests <= bounds.logs or _is_gone(state):
        return True
    if observer.state == SessionState.SEALED and observer.ended == observer.total:
        return recorded(state) == (1 << observer.total) - 1
    return observer.ended <= observer.total


def _is_gone(state: State) -> bool:
    return state.header is not None and state.header.state >= SessionState.TOMBSTONE


def invariants_of(bounds: Bounds) -> tuple[Invariant, ...]:
    """Return what is to be checked: all that something within the bounds can touch."""
    checked = [
        one_outcome,
        outcomes_are_final,
        counts_are_exact,
        one_bundle,
        accepted_is_kept,
        holder_keeps_its_tasks,
        losses_end,
        outcomes_are_of_the_session,
    ]
    if bounds.poison or bounds.doomed or bounds.flaky or bounds.left.crashes or bounds.left.pauses:
        checked += [only_the_guilty_fail, failures_are_current]
    if bounds.packs:
        checked += [packs_are_there]
    if bounds.clients or bounds.left.deletes:
        checked += [inputs_are_there, totals_are_true, contents_are_one, repetition_is_recognised]
    if bounds.left.cancels or bounds.left.deletes:
        checked += [closed_is_closed, cancelled_is_not_begun]
    if bounds.reader:
        checked += [nothing_is_read_twice, cancelled_has_no_outcome]
    if bounds.observer:
        checked += [status_is_possible]
    return tuple(checked)
