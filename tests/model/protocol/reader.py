"""A reader, whose user keeps what it was handed and the cursor behind it together; and one who asks for the status."""

from collections.abc import Iterator

from tests.model.protocol.records import Entry, SessionState
from tests.model.protocol.state import Reader, State, Step
from tests.model.protocol.store import recorded, tasks
from tests.model.protocol.world import World


def progress(world: World, state: State) -> Iterator[Step]:
    """Yield the next entries of each log, and the next task that was cancelled."""
    reader, header = state.reader, state.header
    if reader is None or header is None or header.state >= SessionState.TOMBSTONE:
        return
    for number, log in enumerate(state.logs):
        at = reader.positions[number]
        if at < len(log):
            yield f"the reader reads entry {at} of log {number}", _read(state, reader, number, log[at], 1)
        if not world.rules.waits_at_holes and at + 1 < len(log):
            yield (
                f"the reader sees entry {at + 1} of log {number}, not yet the one before",
                _read(state, reader, number, log[at + 1], 2),
            )
    if header.state == SessionState.CANCELLED and world.rules.tells_cancelled(state.logs, reader.positions):
        rest = world.rules.rest(header.total, recorded(state), reader.remembered)
        for task in tasks(rest >> reader.told << reader.told)[:1]:
            told = _handed(reader, 1 << task)._replace(told=task + 1, cancelled=reader.cancelled | 1 << task)
            yield f"the reader tells that {task} was cancelled", state._replace(reader=told)


def faults(world: World, state: State) -> Iterator[Step]:
    """Yield a reader that goes on in another process, from its cursor."""
    resumes = state.left.resumes
    if resumes and state.reader is not None:
        spent = state._replace(left=state.left._replace(resumes=resumes - 1))
        yield "the reader is resumed from its cursor", spent._replace(reader=state.reader._replace(remembered=0))


def _read(state: State, reader: Reader, number: int, entry: Entry, count: int) -> State:
    positions = list(reader.positions)
    positions[number] += count
    reader = _handed(reader, entry.succeeded | entry.failed)._replace(positions=tuple(positions))
    return state._replace(reader=reader)


def _handed(reader: Reader, mask: int) -> Reader:
    twice = int(bool(reader.given & mask)) or reader.twice
    return reader._replace(given=reader.given | mask, twice=twice, remembered=reader.remembered | mask)
