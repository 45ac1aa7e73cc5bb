"""Clients: they submit in calls, each call in several writes, and may break off behind any of them.

Several clients that submit the same are one whose submission is repeated, at any time, also while the first goes on.
"""

from collections.abc import Iterator
from functools import cache

from tests.model.protocol.records import Bundle, Header, SessionState
from tests.model.protocol.state import Client, State, Step
from tests.model.protocol.store import find, hinted, put
from tests.model.protocol.world import World

#: Where a client is that was refused, or that crashed.
REFUSED = -1
CRASHED = -2


@cache
def _program(
    calls: tuple[int, ...], writes: tuple[str, ...], *, records_in_order: bool
) -> tuple[tuple[str, int, int], ...]:
    """Return a client's writes: what is written, and of which submitted bundles, first and one more than the last."""
    steps = []
    begin = 0
    for count in calls:
        end = begin + count
        for write in writes:
            each = write in {"inputs", "records"}
            spans = [(number, number + 1) for number in range(begin, end)] if each else [(begin, end)]
            steps += [(write, *span) for span in (spans if records_in_order else spans[::-1])]
        begin = end
    return (*steps, ("seal", 0, begin))


def program(world: World, client: Client) -> tuple[tuple[str, int, int], ...]:
    """Return all that a client writes."""
    bounds = world.bounds
    calls = (len(bounds.other_roots),) if client.content and bounds.other_roots else bounds.calls
    return _program(calls, world.rules.writes, records_in_order=world.rules.records_in_order)


def progress(world: World, state: State) -> Iterator[Step]:
    """Yield the next write of each client."""
    for client in dict.fromkeys(state.clients):
        steps = program(world, client)
        if 0 <= client.at < len(steps):
            write, begin, end = steps[client.at]
            after, at = _WRITES[write](world, state, client, begin, end)
            name = f"client {client.content} writes {write} of bundles {begin} to {end - 1}"
            yield name + (", and is refused" if at == REFUSED else ""), _moved(after, client, at)


def faults(world: World, state: State) -> Iterator[Step]:
    """Yield crashes of clients."""
    crashes = state.left.crashes
    for client in dict.fromkeys(state.clients):
        if crashes and 0 <= client.at < len(program(world, client)):
            after = state._replace(left=state.left._replace(crashes=crashes - 1))
            yield f"client {client.content} crashes", _moved(after, client, CRASHED)


def _moved(state: State, client: Client, at: int) -> State:
    clients = list(state.clients)
    clients.remove(client)
    clients.append(client._replace(at=at))
    return state._replace(clients=tuple(sorted(clients)))


def _spans(world: World, client: Client, begin: int, end: int) -> list[tuple[int, int]]:
    return world.bounds.ranges(client.content)[begin:end]


def _mask(start: int, stop: int) -> int:
    return (1 << stop) - (1 << start)


def _write_inputs(world: World, state: State, client: Client, begin: int, end: int) -> tuple[State, int]:
    for span in _spans(world, client, begin, end):
        state = state._replace(inputs=state.inputs | _mask(*span))
    return state, client.at + 1


def _write_records(world: World, state: State, client: Client, begin: int, end: int) -> tuple[State, int]:
    for start, stop in _spans(world, client, begin, end):
        known = find(state, (start, ()))
        content = world.bounds.digest(client.content, (start, stop))
        if known is not None and not world.rules.matches(known, content):
            return state, REFUSED
        new = Bundle(start=start, birth=(), root=start, held=_mask(start, stop), content=content)
        state = state._replace(bundles=put(state.bundles, world.rules.recorded(known, new)))
    return state, client.at + 1


def _write_header(world: World, state: State, client: Client, begin: int, end: int) -> tuple[State, int]:
    header, rules, contents = state.header, world.rules, state.contents
    spans = _spans(world, client, begin, end)
    tasks, stop = _mask(spans[0][0], spans[-1][1]), spans[-1][1]
    if rules.may_create(header):
        header = Header(SessionState.OPEN, stop)
    elif header is None or header.state >= SessionState.TOMBSTONE:
        return state, REFUSED
    elif rules.may_grow(header):
        header = header._replace(total=rules.raised(header.total, stop, tasks.bit_count()))
    elif not rules.is_there(header, stop):
        return state, REFUSED
    for span in spans:
        contents |= _mask(*span) << 8 * world.bounds.digest(client.content, span)
    return state._replace(header=header, accepted=state.accepted | tasks, contents=contents), client.at + 1


def _write_hints(world: World, state: State, client: Client, begin: int, end: int) -> tuple[State, int]:
    if world.bounds.hints:
        for start, _ in _spans(world, client, begin, end):
            state = hinted(state, (start, ()))
    return state, client.at + 1


def _write_seal(world: World, state: State, client: Client, begin: int, end: int) -> tuple[State, int]:
    header = state.header
    total = _spans(world, client, begin, end)[-1][1]
    if header is None or header.state >= SessionState.TOMBSTONE or header.total != total:
        return state, REFUSED
    if header.state == SessionState.OPEN:
        header = header._replace(state=SessionState.SEALED)
    return state._replace(header=header), client.at + 1


_WRITES = {
    "inputs": _write_inputs,
    "records": _write_records,
    "header": _write_header,
    "hints": _write_hints,
    "seal": _write_seal,
}
