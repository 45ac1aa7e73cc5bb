"""The task queue on Redis: a list for each pool and rank, on which agents block."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import msgspec

from htcgrid.errors import UnreadableError
from htcgrid.interfaces import Concern, TaskQueue
from htcgrid.model import Delivery, Hint, QueueLimits, defaults
from htcgrid.model.decoding import Decoder
from htcgrid.unreadables import Unreadables
from htcgrid_redis.access import milliseconds
from htcgrid_redis.health import concerns
from htcgrid_redis.served import Served
from htcgrid_redis.server import Command
from htcgrid_redis.settings import RedisSettings

#: Ranks of hints: two for each priority, since what was begun before goes first among it.
_RANKS = 2 * (defaults.PRIORITY_LIMIT + 1)
#: Most hints of one request.
_COUNT = 1000
#: A hint that was received and not acknowledged comes again after this.
_HIDDEN = timedelta(seconds=30)
#: What was received and is no hint comes again after this.
_ASIDE = timedelta(hours=1)
#: Hints of a pool that nobody has touched for so long go; the state hints again what is pending.
_FORGET = timedelta(days=2)


class RedisTaskQueue(Served, TaskQueue):
    """Hints on a server; ``clock``, seconds since the epoch, stands for the server's own in tests.

    A hint that came to an agent that waited for it is not kept: should that agent vanish before it claims the bundle,
    the reaper hints it again as soon as the queue has run dry, which it had.
    """

    def __init__(self, settings: RedisSettings, *, clock: Callable[[], float] | None = None) -> None:
        super().__init__(settings)
        self._clock = clock
        self._met = Unreadables()
        self.limits = QueueLimits(again_first=True, wait=timedelta(seconds=self._server.block))
        #: The lists by which the calls of this object that wait can be woken.
        self._waiting: set[str] = set()
        self._lock = threading.Lock()
        #: By pool: when somebody who waits looks again for hints that are hidden; until then it waits at once.
        self._look_at: dict[str, float] = {}

    def concerns(self) -> Sequence[Concern]:
        # Hints may be lost: what is pending is hinted again.
        return [*concerns(self._server, waits_for_replicas=True, must_last=False), *self._met.concerns()]

    def send(self, hints: Sequence[Hint]) -> None:
        """Queue hints, each under a name of its own. Costs 1 request per pool and 1,000 hints."""
        for pool, some in _by_pool(hints):
            self._send(pool, some)

    def _send(self, pool: str, hints: Sequence[Hint]) -> None:
        bodies: dict[str, list[bytes]] = {}
        for hint in hints:
            rank = _rank(hint.priority, again=hint.again)
            body = f"{rank}{secrets.token_hex(8)}".encode() + msgspec.json.encode(hint)
            bodies.setdefault(self._layout.hints(pool, rank), []).append(body)
        words: list[bytes | int] = []
        for queued in bodies.values():
            words.append(len(queued))
            words.extend(queued)
        self._server.call("send", list(bodies), milliseconds(_FORGET), *words)

    def receive(self, limit: int, *, wait: timedelta, pool: str, above: int | None = None) -> list[Delivery]:
        """Return hints, of higher ranks first; waits at the lists themselves.

        Costs 1 request, and when there is none another one for up to 5 seconds of waiting.
        """
        lowest = 0 if above is None else _rank(above + 1, again=False)
        lists = [self._layout.hints(pool, rank) for rank in range(_RANKS - 1, -1, -1)]
        wanted = lists[: _RANKS - lowest]
        if not wanted or limit <= 0:
            return []
        if wait <= timedelta(0) or time.monotonic() >= self._look_at.get(pool, 0.0):
            self._look_at[pool] = time.monotonic() + _HIDDEN.total_seconds() / 2
            now = "" if self._clock is None else str(int(self._clock() * 1000))
            keys = [self._layout.held(pool), *lists]
            found = self._server.call("receive", keys, now, limit, len(wanted), milliseconds(_HIDDEN))
            if found:
                self._look_at.pop(pool, None)
            if found or wait <= timedelta(0):
                return self._hidden(pool, found)
        with self._wakeable(pool) as bell:
            block = max(0.001, min(wait.total_seconds(), self._server.block))
            popped = self._server.command("BLMPOP", block, len(wanted) + 1, bell, *wanted, "LEFT", "COUNT", limit)
        if popped and popped[0] != bell.encode():
            if len(popped[1]) >= limit:
                # There may be more, and then no reaper would see that some were lost with their agent: see the class.
                self._look_at.pop(pool, None)
            hints, strange = self._read(popped[1])
            if strange:
                self._set_aside(pool, strange)
            return [Delivery(hint=hint) for _, hint in hints]
        return []

    def _hidden(self, pool: str, bodies: Sequence[bytes]) -> list[Delivery]:
        """Return deliveries of what was hidden."""
        hints, strange = self._read(bodies)
        if strange:
            self._set_aside(pool, strange)
        return [Delivery(hint=hint, token=f"{pool}/{body.decode()}") for body, hint in hints]

    def _read(self, bodies: Sequence[bytes]) -> tuple[list[tuple[bytes, Hint]], list[bytes]]:
        """Return hints and their bodies, and the bodies of those that cannot be read."""
        hints: list[tuple[bytes, Hint]] = []
        strange: list[bytes] = []
        for body in bodies:
            try:
                hints.append((body, _hint(body)))
            except UnreadableError as error:
                self._met.note(error)
                strange.append(body)
        return hints, strange

    def _set_aside(self, pool: str, bodies: Sequence[bytes]) -> None:
        """Hide what is no hint for long: it stands in nobody's way, and is there for whoever looks for it."""
        (seconds, _) = self._server.commands([("TIME",)])[0] if self._clock is None else (self._clock(), 0)
        at = (int(seconds) + int(_ASIDE.total_seconds())) * 1000
        pairs = [word for body in bodies for word in (at, body)]
        self._server.commands([("ZADD", self._layout.held(pool), *pairs)])

    def wake(self) -> None:
        """End the waits of this object. Costs 1 request for each."""
        with self._lock:
            bells = list(self._waiting)
        for bell in bells:
            self._server.commands([("RPUSH", bell, "1"), ("PEXPIRE", bell, milliseconds(_HIDDEN))])

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Delete hints that are hidden. Costs 1 request, or none when all came to who waited for them."""
        bodies: dict[str, list[str]] = {}
        for delivery in deliveries:
            if delivery.token:
                pool, body = delivery.token.split("/", 1)
                bodies.setdefault(self._layout.held(pool), []).append(body)
        commands: list[Command] = [("ZREM", key, *held) for key, held in bodies.items()]
        if commands:
            self._server.commands(commands)

    def depth(self, pool: str) -> int | None:
        """Return how many hints of a pool wait. Costs 1 request."""
        lists = [self._layout.hints(pool, rank) for rank in range(_RANKS)]
        return sum(map(int, self._server.commands([("LLEN", key) for key in lists])))

    @contextmanager
    def _wakeable(self, pool: str) -> Iterator[str]:
        """Give a list on which a call may wait beside the pool's, until it is woken."""
        bell = self._layout.bell(pool, secrets.token_hex(8))
        with self._lock:
            self._waiting.add(bell)
        try:
            yield bell
        finally:
            with self._lock:
                self._waiting.discard(bell)


def _by_pool(hints: Sequence[Hint]) -> Iterator[tuple[str, list[Hint]]]:
    pools: dict[str, list[Hint]] = {}
    for hint in hints:
        pools.setdefault(hint.pool, []).append(hint)
    for pool, queued in pools.items():
        for first in range(0, len(queued), _COUNT):
            yield pool, queued[first : first + _COUNT]


def _rank(priority: int, *, again: bool) -> int:
    return 2 * priority + again


def _hint(body: bytes) -> Hint:
    """Return the hint in a body: a digit for its rank, 16 that make it unlike all others, and itself.

    Raises:
        UnreadableError: it is none; the state store tells of the bundle again.
    """
    where = body[:17].decode("ascii", "replace")
    if not (len(where) == 17 and where[0].isdigit()):
        raise _decode.unreadable(ValueError("it does not begin with a rank and a name"), repr(where))
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise _decode.unreadable(error, where) from error
    return _decode(body[17:], where)


_decode: Decoder[Hint] = Decoder(Hint, "hint", json=True)
