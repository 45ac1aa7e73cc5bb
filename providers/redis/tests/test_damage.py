"""Every record on the server, damaged in every way: what cannot be read is left alone, and stops nobody else."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from itertools import product
from typing import Any

import msgspec
import pytest
import redis

from htcgrid.errors import HtcGridError, UnreadableError
from htcgrid.model import (
    AgentId,
    AgentReport,
    BundleKey,
    Claim,
    Commit,
    Hint,
    Pack,
    Ranges,
    Remainder,
    Session,
    SessionId,
    pack_blocks,
    utcnow,
)
from htcgrid.testing import VirtualClock
from htcgrid.testing.samples import bundle_of, commit_of, ended_in, new_id, session_of, tasks
from htcgrid_redis.keys import Layout
from htcgrid_redis.queue import RedisTaskQueue
from htcgrid_redis.settings import RedisSettings
from htcgrid_redis.state import RedisStateStore

LEASE = timedelta(seconds=30)
NOW = timedelta(0)
AGENT = AgentId("agent-1")
POOL = "default"
FIELDS = (
    *("digest", "state", "total", "pool", "priority", "schema", "keep", "listed", "body", "born"),
    *("entries", "running", "succeeded", "failed", "kept"),
)
#: What a field may hold instead.
VALUES = (b"\xff\xfe", b"text", b"-1", b"1e999", b"0.5", b"", b"9" * 40, b"\xc1\xc1")
#: What may stand in a place of a bundle's record.
PARTS: tuple[Any, ...] = ("text", -1, 0.5, 2**63, None, [], [5, 2], [1, "x"], [[0, 1]], {"a": 1}, float("inf"))


Damage = Callable[["Grid"], object]


class Grid:
    """A store with a session that is damaged, and one beside it."""

    def __init__(self, url: str) -> None:
        settings = RedisSettings(url=url, name=new_id())
        self.clock = VirtualClock()
        self.server = redis.Redis.from_url(url)
        self.layout = Layout(settings.name, settings.parts)
        self.state = RedisStateStore(settings, clock=self.clock)
        self.queue = RedisTaskQueue(settings, clock=self.clock)
        self.damaged = self._begun("damaged")
        self.sound = self._begun("sound")
        for name in ("damaged", "sound"):
            self.state.register(AgentReport(id=AgentId(name), started=utcnow()))

    def close(self) -> None:
        self.queue.close()
        self.state.close()
        self.server.close()

    def _begun(self, name: str) -> Session:
        """Submit a session with a bundle that runs, one with an outcome, a child and tries, and one that waits."""
        session = session_of(id=SessionId(name))
        self.state.create(session, [bundle_of(session, start, start + 4) for start in (0, 4, 8)])
        keys = [BundleKey(session.id, 0), BundleKey(session.id, 4)]
        first, second = self.state.claim(keys, agent=AGENT, lease=LEASE)
        self.state.commit([commit_of(first.lease, tasks(0, 2))])
        given = self.state.give_back(second.lease, [Remainder(ranges=tasks(5, 7), tries={5: 1})])
        assert given is not None
        self.queue.send([*given.hints, Hint(key=BundleKey(session.id, 8))])
        return session

    @property
    def shard(self) -> Any:
        return self.layout.shard(self.damaged.id)

    @property
    def keys(self) -> Any:
        return self.shard.session(self.damaged.id)

    def record(self) -> tuple[bytes, list[Any]]:
        """Return the name and the record of a bundle that waits."""
        raw = self.server.hget(self.keys.bundles, "8/0")
        assert isinstance(raw, bytes)
        return b"8/0", msgspec.msgpack.decode(raw)

    def run(self, session: SessionId) -> list[int]:
        """Run what is hinted, of whatever session, as an agent would; return the tasks of one that have an outcome."""
        for _ in range(4):
            self.queue.send(self.state.due(100, dry=POOL))
            deliveries = self.queue.receive(100, wait=NOW, pool=POOL)
            claims = self.state.claim([one.hint.key for one in deliveries], agent=AGENT, lease=LEASE)
            self.queue.ack(deliveries)
            self.state.renew([claim.lease for claim in claims])
            self.state.commit([_commit(claim) for claim in claims])
            self.clock.advance(LEASE)
        return ended_in(self.state.outcomes(session, limit=1000).entries)

    def ask(self) -> None:
        """Do what is done for many."""
        self.state.sessions()
        self.state.agents()
        self.queue.depth(POOL)
        self.state.concerns()
        self.queue.concerns()
        for session in self.state.expired(10):
            self.state.collect(session, 1000)

    def ask_alone(self) -> Iterator[Callable[[], object]]:
        """Yield what is asked of the damaged session alone."""
        state, session = self.state, self.damaged.id
        yield lambda: state.status([session])
        yield lambda: state.outcomes(session)
        yield lambda: state.bundles(session)
        yield lambda: state.bundles(session, task=9)
        yield lambda: state.submitted(session)
        yield lambda: state.create(self.damaged)
        yield lambda: state.add(session, [bundle_of(self.damaged, 0, 4)])
        yield lambda: state.seal(session, 12)
        yield lambda: state.cancel([session])
        yield lambda: state.delete(session)
        yield lambda: state.collect(session, 100)


def _commit(claim: Claim) -> Commit:
    return Commit(lease=claim.lease, flush=0, succeeded=claim.open, failed=Ranges(), pack=Pack.of(pack_blocks([])))


@pytest.fixture
def grid(redis_url: str) -> Iterator[Grid]:
    with closing(Grid(redis_url)) as grid:
        yield grid


def of_another_kind(name: str) -> Damage:
    """Return what puts a text in the place of one of the session's keys."""
    return lambda grid: grid.server.set(getattr(grid.keys, name), b"text")


def with_part(place: int, value: Any) -> Damage:
    """Return what puts another value into a bundle's record."""

    def damage(grid: Grid) -> object:
        field, record = grid.record()
        record[place] = value
        return grid.server.hset(grid.keys.bundles, field, msgspec.msgpack.encode(record))

    return damage


def put(key: Callable[[Grid], str], field: str | bytes, value: bytes) -> Damage:
    """Return what puts a value into a hash."""
    return lambda grid: grid.server.hset(key(grid), field, value)


def listed(key: Callable[[Grid], str], name: bytes, score: float = 0) -> Damage:
    """Return what puts a name into a sorted set."""
    return lambda grid: grid.server.zadd(key(grid), {name: score})


def gone(field: str) -> Damage:
    """Return what takes a field out of the header."""
    return lambda grid: grid.server.hdel(grid.keys.header, field)


def swept(name: bytes) -> Damage:
    """Return what puts a name among the sessions that are to be swept."""
    return lambda grid: grid.server.sadd(grid.shard.sweep, name)


def queued(body: bytes) -> Damage:
    """Return what queues a hint."""
    return lambda grid: grid.server.lpush(grid.layout.hints(POOL, 7), body)


def logged(name: str) -> Damage:
    """Return what adds an entry to the log."""
    return lambda grid: grid.server.xadd(grid.keys.log, {name: b"\xc1"}, id="99-1")


def sorted_set(name: str) -> Callable[[Grid], str]:
    return lambda grid: str(getattr(grid.shard, name))


def header(grid: Grid) -> str:
    return str(grid.keys.header)


def bundles(grid: Grid) -> str:
    return str(grid.keys.bundles)


def inputs(grid: Grid) -> str:
    return str(grid.keys.inputs)


def reports(grid: Grid) -> str:
    return grid.layout.agents[2]


NAME = b"70123456789abcdef"
RECORDS = (*VALUES, b"\x90", b"\x9e" + b"\x00" * 14, b"\xdd\xff\xff\xff\xff", b"\x91" * 5000)
ROWS = (b"\xff", b"x", b"a/b/c", b"default/0000000000000000/x", b"damaged/8/0/9", b"/", b"")
HINTS = (b"\xff", b"", b"x", NAME, NAME + b"{}", NAME + b"\xff", b"[" * 5000)
#: By what is damaged: what there is to put there, and what puts it.
KINDS: dict[str, tuple[Sequence[Any], Callable[..., Damage]]] = {
    "a key of another kind": (("header", "bundles", "open", "log", "inputs", "roots"), of_another_kind),
    "a field that is gone": (FIELDS, gone),
    "a field of the header": (
        [(field, value) for field in FIELDS for value in VALUES],
        lambda pair: put(header, *pair),
    ),
    "a part of a record": (list(product(range(14), PARTS)), lambda pair: with_part(*pair)),
    "a bundle": (RECORDS, lambda value: put(bundles, b"8/0", value)),
    "payloads": (VALUES, lambda value: put(inputs, b"8", value)),
    "payloads that are gone": ((b"8",), lambda field: lambda grid: grid.server.hdel(inputs(grid), field)),
    "an entry of the log": (("e", "x"), logged),
    "a name in a set": (
        list(product(("due", "wait", "ends", "sessions"), ROWS)),
        lambda pair: listed(sorted_set(pair[0]), pair[1]),
    ),
    "a name to sweep": ((b"\xff", b"nobody", b""), swept),
    "a bundle's name": (
        (b"\xff", b"x/0", b"0", b"9" * 400 + b"/0"),
        lambda row: listed(lambda grid: grid.keys.open, row),
    ),
    "a submitted bundle's name": (
        (b"\xff", b"x/9/d", b"8", b"8/4/d"),
        lambda row: listed(lambda grid: grid.keys.roots, row, 8),
    ),
    "an agent's report": ((*VALUES, b"default\n\xc1", b"default\n\x80"), lambda value: put(reports, "damaged", value)),
    "an agent's name": ((b"\xff", b""), lambda row: listed(lambda grid: grid.layout.agents[0], row)),
    "a hint": (HINTS, queued),
    "a hidden hint": (
        (b"\xff", b"", b"90123456789abcdef", b"x"),
        lambda body: listed(lambda grid: grid.layout.held(POOL), body),
    ),
}
DAMAGES = {f"{kind}: {str(value)[:40]}": make(value) for kind, (values, make) in KINDS.items() for value in values}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_damaged_stops_nobody_else(grid: Grid, name: str) -> None:
    DAMAGES[name](grid)
    assert grid.run(grid.sound.id) == list(range(12))
    grid.ask()
    [status] = grid.state.status([grid.sound.id])
    assert status.succeeded == 12
    for ask in grid.ask_alone():
        with suppress(HtcGridError):
            ask()
    grid.state.cancel([grid.sound.id])


def test_what_cannot_be_read_is_told_and_left_as_it_is(grid: Grid, caplog: pytest.LogCaptureFixture) -> None:
    field, record = grid.record()
    grid.server.hset(grid.keys.header, "body", b"\xc1")
    grid.server.hset(grid.layout.agents[2], "damaged", b"default\n\xc1")
    before = grid.server.hgetall(grid.keys.header)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            grid.run(grid.sound.id)
            grid.ask()
        page, agents = grid.state.sessions(), grid.state.agents()
    assert [error.where for error in page.unreadable] == ["damaged"]
    assert [status.session.id for status in page.sessions] == ["sound"]
    assert [error.where for error in agents.unreadable] == ["damaged"]
    told = [message.getMessage() for message in caplog.records]
    assert sum("the header of session damaged cannot be read" in line for line in told) == 1
    assert sum("the report of agent damaged cannot be read" in line for line in told) == 1
    concerns = [concern.message for concern in grid.state.concerns() if "cannot be read" in concern.message]
    assert len(concerns) == 1
    after = grid.server.hgetall(grid.keys.header)
    # When it was looked at is not what it says.
    assert {**after, b"kept": 0} == {**before, b"kept": 0}
    assert grid.record() == (field, record)
    with pytest.raises(UnreadableError, match="the header of session damaged cannot be read"):
        grid.state.status([grid.damaged.id])


def test_another_client_tells_what_one_has_met(grid: Grid, redis_url: str) -> None:
    with_part(10, [5, 2])(grid)
    grid.run(grid.sound.id)
    [one] = grid.state.bundles(grid.damaged.id, task=9).unreadable
    assert one.where == "damaged/8/0"
    name = grid.layout.grid.partition(":")[0]
    with closing(RedisStateStore(RedisSettings(url=redis_url, name=name), clock=grid.clock)) as other:
        assert any("bundle damaged/8/0 cannot be read" in concern.message for concern in other.concerns())


def test_what_is_put_right_is_run(grid: Grid) -> None:
    body = grid.server.hget(grid.keys.header, "body")
    grid.server.hset(grid.keys.header, "body", b"\xc1")
    assert grid.run(grid.damaged.id) == [0, 1]
    grid.server.hset(grid.keys.header, "body", body)
    grid.clock.advance(timedelta(hours=2))
    assert grid.run(grid.damaged.id) == list(range(12))


def test_thousands_of_damaged_bundles_are_passed_over(grid: Grid) -> None:
    many = session_of(id=SessionId("many"))
    grid.state.create(many, [bundle_of(many, start, start + 1) for start in range(3000)])
    header = grid.layout.shard(many.id).session(many.id).header
    grid.server.hset(header, "body", b"\xc1")
    late = session_of(id=SessionId("late"))
    grid.state.create(late, [bundle_of(late, 0, 1)])
    for _ in range(20):
        if grid.run(late.id):
            return
    pytest.fail("what stands behind it was never reached")
