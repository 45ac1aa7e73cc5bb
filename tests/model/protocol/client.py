"""Clients: they submit in calls, each call in several writes, and may break off behind any of them.

Several clients that submit the same are one whose submission is repeated, at any time, also while the first goes on.
"""

from collections.abc import Iterator
from functools import cache

from tests.model.protocol.state import Bundle, Client, Header, SessionState, State, Step
from tests.model.protocol.store import find, hinted, put
from tests.model.protocol.world import World

#: Where a client is that was refused, or that crashed.
REFUSED = -1
CRASHED = -2


@cache
def program(calls: tuple[int, ...], writes: tuple[str, ...]) -> tuple[tuple[str, int, int], ...]:
    """Return a client's writes: what is written, and of which submitted bundles, first and one more than the last."""
    steps = []
    begin = 0
    for count in calls:
        end = begin + count
        for write in writes:
            each = write in {"inputs", "records"}
            spans = [(number, number + 1) for number in range(begin, end)] if each else [(begin, end)]
            steps += [(write, *span) for span in spans]
        begin = end
    return (*steps, ("seal", 0, begin))


def progress(world: World, state: State) -> Iterator[Step]:
    """Yield the next write of each client."""
    for client in dict.fromkeys(state.clients):
        steps = program(world.bounds.calls, world.rules.writes)
        if 0 <= client.at < len(steps):
            write, begin, end = steps[client.at]
            after, at = _WRITES[write](world, state, client, begin, end)
            name = f"client {client.content} writes {write} of bundles {begin} to {end - 1}"
            yield name + (", and is refused" if at == REFUSED else ""), _moved(after, client, at)


def faults(world: World, state: State) -> Iterator[Step]:
    """Yield crashes of clients."""
    crashes = state.left.crashes
    for client in dict.fromkeys(state.clients):
        if crashes and 0 <= client.at < len(program(world.bounds.calls, world.rules.writes)):
            after = state._replace(left=state.left._replace(crashes=crashes - 1))
            yield f"client {client.content} crashes", _moved(after, client, CRASHED)


def _moved(state: State, client: Client, at: int) -> State:
    clients = list(state.clients)
    clients.remove(client)
    clients.append(client._replace(at=at))
    return state._replace(clients=tuple(sorted(clients)))


def _mask(world: World, begin: int, end: int) -> int:
    ranges = world.bounds.ranges[begin:end]
    return (1 << ranges[-1][1]) - (1 << ranges[0][0])


def _write_inputs(world: World, state: State, client: Client, begin: int, end: int) -> tuple[State, int]:
    return state._replace(inputs=state.inputs | _mask(world, begin, end)), client.at + 1


def _write_records(world: World, state: State, client: Client, begin: int, end: int) -> tuple[State, int]:
    start = world.bounds.ranges[begin][0]
    known = find(state, (start, ()))
    if known is not None and not world.rules.matches(known, client.content):
        return state, REFUSED
    new = Bundle(start=start, birth=(), root=start, held=_mask(world, begin, end), content=client.content)
    return state._replace(bundles=put(state.bundles, world.rules.recorded(known, new))), client.at + 1


def _write_header(world: World, state: State, client: Client, begin: int, end: int) -> tuple[State, int]:
    header, rules = state.header, world.rules
    tasks = _mask(world, begin, end)
    stop = tasks.bit_length()
    if rules.may_create(header):
        header = Header(SessionState.OPEN, stop)
    elif header is None or header.state >= SessionState.TOMBSTONE:
        return state, REFUSED
    elif rules.may_grow(header):
        header = header._replace(total=rules.raised(header.total, stop, tasks.bit_count()))
    elif header.total < stop:
        return state, REFUSED
    contents = state.contents | tasks << 8 * client.content
    return state._replace(header=header, accepted=state.accepted | tasks, contents=contents), client.at + 1


def _write_hints(world: World, state: State, client: Client, begin: int, end: int) -> tuple[State, int]:
    if world.bounds.hints:
        for start, _ in world.bounds.ranges[begin:end]:
            state = hinted(state, (start, ()))
    return state, client.at + 1


def _write_seal(world: World, state: State, client: Client, begin: int, end: int) -> tuple[State, int]:
    header = state.header
    if header is None or header.state >= SessionState.TOMBSTONE or header.total != world.bounds.ranges[end - 1][1]:
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
