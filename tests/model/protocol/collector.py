"""Collection: what a tombstone leaves, bundles that never got a header, and packs that no entry names."""

from collections.abc import Iterator

from tests.model.protocol.records import Header, SessionState
from tests.model.protocol.state import Collector, State, Step
from tests.model.protocol.store import find
from tests.model.protocol.world import World

_AT_REST = Collector()


def progress(world: World, state: State) -> Iterator[Step]:
    """Yield what can be collected next."""
    header = state.header
    if header is None or state.collector.headless:
        yield from _headless(world, state)
    elif header.state >= SessionState.TOMBSTONE:
        yield from _tombstone(state, header)
    if world.bounds.sweeps:
        yield from _packs(world, state)


def faults(world: World, state: State) -> Iterator[Step]:
    """Yield a crash of the collector between two deletes."""
    crashes = state.left.crashes
    if crashes and state.collector != _AT_REST:
        spent = state._replace(left=state.left._replace(crashes=crashes - 1))
        yield "the collector crashes", spent._replace(collector=_AT_REST)


def _headless(world: World, state: State) -> Iterator[Step]:
    if not world.rules.buries:
        for bundle in state.bundles if state.header is None else ():
            rest = tuple(other for other in state.bundles if other is not bundle)
            yield f"{bundle.key} is deleted, as it has no header", state._replace(bundles=rest)
    elif state.collector.headless:
        rested = state._replace(collector=state.collector._replace(headless=0))
        if world.rules.may_bury(state.header):
            yield "a tombstone is put", rested._replace(header=Header(SessionState.TOMBSTONE, 0))
        else:
            yield "a header has come before the tombstone", rested
    elif state.bundles:
        yield "bundles are old and have no header", state._replace(collector=state.collector._replace(headless=1))


def _tombstone(state: State, header: Header) -> Iterator[Step]:
    if header.state == SessionState.TOMBSTONE and not state.collector.emptied:
        emptied = state._replace(packs=(), inputs=0, collector=state.collector._replace(emptied=1))
        yield "the payloads of the tombstone are deleted", emptied
        return
    # Bundles first: without its bundle no commit can add an entry any more.
    if steps := list(_bundles(state)) or list(_logs(state)):
        yield from steps
        return
    if header.state == SessionState.TOMBSTONE:
        done = header._replace(state=SessionState.COLLECTED)
        yield "the tombstone is collected", state._replace(header=done, collector=_AT_REST)


def _bundles(state: State) -> Iterator[Step]:
    for bundle in state.bundles:
        rest = tuple(other for other in state.bundles if other is not bundle)
        yield f"{bundle.key} of the tombstone is deleted", state._replace(bundles=rest)


def _logs(state: State) -> Iterator[Step]:
    for number, log in enumerate(state.logs):
        if log:
            logs = (*state.logs[:number], (), *state.logs[number + 1 :])
            yield f"log {number} of the tombstone is deleted", state._replace(logs=logs)


def _packs(world: World, state: State) -> Iterator[Step]:
    """Yield the looks at packs, one after the other, and in the end the delete."""
    collector = state.collector
    known = [pack.name for pack in state.packs]
    if collector.pack and collector.looks == len(world.rules.looks):
        rest = tuple(pack for pack in state.packs if pack.name != collector.pack)
        rested = collector._replace(pack=(), looks=0)
        yield f"pack {collector.pack} is deleted", state._replace(packs=rest, collector=rested)
        return
    for name in [collector.pack] if collector.pack else known:
        kind = world.rules.looks[collector.looks]
        needed = _has_open(state, name) if kind == "bundle" else _is_named(state, name)
        looked = collector._replace(pack=name, looks=collector.looks + 1)
        if not needed:
            yield f"the {kind} of pack {name} does not need it", state._replace(collector=looked)
        elif collector.pack:
            kept = state._replace(collector=collector._replace(pack=(), looks=0))
            yield f"the {kind} of pack {name} needs it", kept


def _has_open(state: State, name: tuple[int, ...]) -> bool:
    end = name.index(-1)
    bundle = find(state, (name[0], name[1:end]))
    return bundle is not None and bool(bundle.open)


def _is_named(state: State, name: tuple[int, ...]) -> bool:
    return any(entry.pack is not None and entry.pack.name == name for log in state.logs for entry in log)
