"""Cancel and delete: the header first, then what follows from it, by whoever meets it."""

from collections.abc import Iterator

from tests.model.protocol.records import Entry, Header, SessionState
from tests.model.protocol.state import State, Step
from tests.model.protocol.store import is_closed, is_live, recorded
from tests.model.protocol.world import World


def progress(world: World, state: State) -> Iterator[Step]:
    """Yield the closing of logs of a cancelled session."""
    header = state.header
    if header is None or header.state != SessionState.CANCELLED:
        return
    if not (state.cancelling or world.rules.finishes_closing()):
        return
    if state.closer:
        number, tail = state.closer
        log = state.logs[number]
        after = state._replace(closer=())
        if world.rules.closes(log, tail):
            yield f"log {number} is closed", _closed(after, number, tail, header)
        else:
            yield f"log {number} has grown", after
        return
    for number, log in enumerate(state.logs):
        if not is_closed(log):
            if world.bounds.reads:
                yield f"the tail of log {number} is read", state._replace(closer=(number, len(log)))
            else:
                yield f"log {number} is closed", _closed(state, number, len(log), header)


def faults(world: World, state: State) -> Iterator[Step]:
    """Yield cancels, deletes, and cancels that break off."""
    left, header = state.left, state.header
    if left.cancels and header is not None and is_live(state):
        finished = header.state == SessionState.SEALED and recorded(state) == (1 << header.total) - 1
        spent = state._replace(left=left._replace(cancels=left.cancels - 1))
        if not finished:
            frozen = header._replace(state=SessionState.CANCELLED)
            yield "the session is cancelled", spent._replace(header=frozen, cancelling=1)
    if left.deletes and (header is None or header.state < SessionState.TOMBSTONE):
        spent = state._replace(left=left._replace(deletes=left.deletes - 1), closer=(), cancelling=0)
        yield "the session is deleted", spent._replace(header=Header(SessionState.TOMBSTONE, 0))
    if left.crashes and state.cancelling:
        spent = state._replace(left=left._replace(crashes=left.crashes - 1))
        yield "who cancels crashes", spent._replace(cancelling=0, closer=())


def _closed(state: State, number: int, tail: int, header: Header) -> State:
    log = state.logs[number]
    before = log[tail - 1] if tail else Entry(0, 0, 0, 0)
    entry = Entry(0, 0, before.successes, before.failures, closing=1, total=header.total)
    state = state._replace(
        logs=(*state.logs[:number], (*log[:tail], entry, *log[tail + 1 :]), *state.logs[number + 1 :])
    )
    return state._replace(cancelling=0) if all(is_closed(log) for log in state.logs) else state
