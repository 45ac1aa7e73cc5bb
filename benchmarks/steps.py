"""Where the time of a task goes: a lone one step by step, a call of the stores, and a task among many."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from secrets import token_hex

from benchmarks import measures
from benchmarks.grids import Measured
from benchmarks.handlers import echo
from benchmarks.settings import Settings
from htcgrid.bench.bench import Row
from htcgrid.bench.measures import PAYLOAD
from htcgrid.config import read_config
from htcgrid.interfaces import StateStore, TaskQueue
from htcgrid.model import (
    AgentId,
    Block,
    Bundle,
    BundleKey,
    Commit,
    Hint,
    Lease,
    Pack,
    Ranges,
    Session,
    SessionId,
    pack_blocks,
    pack_payloads,
    unpack_blocks,
    unpack_payloads,
    utcnow,
)
from htcgrid.model.codec import codec_of

_POOL = "bench-steps"
_LEASE = timedelta(seconds=30)


def rows(on: Measured, settings: Settings) -> Iterator[Row]:
    """Yield medians, in microseconds; those of a lone task add up to about a round trip."""
    trips = [_trip(on) for _ in range(settings.of(200) * settings.runs)]
    names = ("until a worker begins it", "until it ended", "until it is recorded", "until that is durable and fetched")
    for name, values in zip(names, zip(*trips, strict=True), strict=True):
        yield Row(f"a lone task, {name}", "us", [statistics.median(values)])
    for name, value in _calls(on, settings.of(500)).items():
        yield Row(f"a bundle of one task, nothing else at work: {name}", "us", [value])
    for name, value in _work(1000).items():
        yield Row(f"a task among 1,000: {name}", "us", [value])


def _trip(on: Measured) -> tuple[float, ...]:
    """Return the microseconds of each step of a lone task, by the machine's clock."""
    began = time.time()
    session = on.grid.submit(measures.ECHO, [PAYLOAD])
    [outcome] = session.outcomes(timeout=60)
    fetched = time.time()
    assert outcome.committed is not None
    ended = outcome.began + outcome.microseconds / 1e6
    moments = (began, outcome.began, ended, outcome.committed.timestamp(), fetched)
    return tuple(1e6 * (after - before) for before, after in pairwise(moments))


def _calls(on: Measured, count: int) -> dict[str, float]:
    """Return the median microseconds of the calls that a bundle needs, one after the other in this process."""
    config = read_config(on.config)
    with closing(config.open_state()) as state, closing(config.open_queue()) as queue:
        found = [_bundle(state, queue) for _ in range(count)]
    return {name: 1e6 * statistics.median(times[name] for times in found) for name in found[0]}


def _bundle(state: StateStore, queue: TaskQueue) -> dict[str, float]:
    """Return the seconds of the calls that one bundle needs."""
    value = codec_of("json").encode(PAYLOAD)
    session = Session(id=SessionId(f"steps-{token_hex(8)}"), handler=measures.ECHO, created=utcnow(), pool=_POOL)
    bundle = Bundle(key=BundleKey(session.id, 0), stop=1, input=Pack.of(pack_payloads([value])))
    hint = Hint(key=bundle.key, pool=_POOL, priority=session.priority, tasks=1)
    agent = AgentId("steps")
    leases: list[Lease] = []
    pack = Pack.of(pack_blocks([Block(0, [value], time.time(), [1], "steps/0", {}, {})]))

    def claim() -> None:
        leases.extend(claimed.lease for claimed in state.claim([bundle.key], agent=agent, lease=_LEASE))

    def commit() -> None:
        done = Commit(lease=leases[0], flush=0, succeeded=Ranges.of((0, 1)), failed=Ranges(), pack=pack)
        assert state.commit([done])[0].accepted

    calls: dict[str, Callable[[], object]] = {
        "create": lambda: state.create(session, [bundle], sealed=True),
        "send": lambda: queue.send([hint]),
        "receive and ack": lambda: queue.ack(queue.receive(1, wait=_LEASE, pool=_POOL)),
        "claim": claim,
        "commit": commit,
        "outcomes": lambda: state.outcomes(session.id),
    }
    return {name: _timed(call) for name, call in calls.items()}


def _work(count: int) -> dict[str, float]:
    """Return the microseconds per task of what is done with each of many, without what is between processes."""
    codec = codec_of("json")
    payloads = [codec.encode(PAYLOAD)] * count
    values: list[bytes | None] = [*payloads]
    packed = pack_payloads(payloads)
    pack = Pack.of(packed)
    outcomes = pack_blocks([Block(0, values, time.time(), [1] * count, "steps/0", {}, {})])
    steps: dict[str, Callable[[], object]] = {
        "encode the payload": lambda: [codec.encode(PAYLOAD) for _ in range(count)],
        "pack, and digest": lambda: Pack.of(pack_payloads(payloads)),
        "check and unpack": lambda: unpack_payloads(pack.checked(packed)),
        "decode, call and encode": lambda: [codec.encode(echo(codec.decode(payload))) for payload in payloads],
        "pack the outcome": lambda: pack_blocks([Block(0, values, 0.0, [1] * count, "steps/0", {}, {})]),
        "unpack and decode the outcome": lambda: [_values(codec.decode, block) for block in unpack_blocks(outcomes)],
    }
    return {name: 1e6 * statistics.median(_timed(step) for _ in range(20)) / count for name, step in steps.items()}


def _values(decode: Callable[[bytes], object], block: Block) -> Sequence[object]:
    return [decode(value or b"") for value in block.values]


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
