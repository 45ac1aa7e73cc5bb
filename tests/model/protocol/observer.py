"""Somebody who asks for the status: each log's tail, and the header."""

from collections.abc import Iterator

from tests.model.protocol.records import SessionState
from tests.model.protocol.state import Observer, State, Step
from tests.model.protocol.world import World


def progress(world: World, state: State) -> Iterator[Step]:
    """Yield the next request of a status."""
    observer, header = state.observer, state.header
    if observer is None or header is None or header.state >= SessionState.TOMBSTONE:
        return
    requests = [*range(len(state.logs)), -1] if world.rules.reads_header_last else [-1, *range(len(state.logs))]
    if observer.requests == len(requests):
        yield "a status is asked for again", state._replace(observer=Observer())
        return
    request = requests[observer.requests]
    if request < 0:
        seen = observer._replace(state=header.state, total=header.total)
        name = "the status reads the header"
    else:
        log = state.logs[request]
        ended = log[-1].successes + log[-1].failures if log else 0
        seen = observer._replace(ended=observer.ended + ended)
        name = f"the status reads the tail of log {request}"
    yield name, state._replace(observer=seen._replace(requests=observer.requests + 1))
