"""The task queue on Redis: a list for each pool and rank, on which agents block."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import msgspec

from htcgrid.errors import HtcGridError
from htcgrid.interfaces import Concern, TaskQueue
from htcgrid.model import Delivery, Hint, QueueLimits, defaults
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
        self.limits = QueueLimits(again_first=True, wait=timedelta(seconds=self._server.block))
        #: The lists by which the calls of this object that wait can be woken.
        self._waiting: set[str] = set()
        self._lock = threading.Lock()
        #: By pool: when somebody who waits looks again for hints that are hidden; until then it waits at once.
        self._look_at: dict[str, float] = {}

    def concerns(self) -> Sequence[Concern]:
        # Hints may be lost: what is pending is hinted again.
        return concerns(self._server, waits_for_replicas=True, must_last=False)

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
            return [Delivery(hint=hint) for hint in map(_hint, popped[1]) if hint is not None]
        return []

    def _hidden(self, pool: str, bodies: Sequence[bytes]) -> list[Delivery]:
        """Return deliveries of what was hidden; what no version of this one can read goes."""
        hints = [_hint(body) for body in bodies]
        if strange := [body for body, hint in zip(bodies, hints, strict=True) if hint is None]:
            self._server.commands([("ZREM", self._layout.held(pool), *strange)])
        return [
            Delivery(hint=hint, token=f"{pool}/{body.decode()}")
            for body, hint in zip(bodies, hints, strict=True)
            if hint is not None
        ]

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


def _hint(body: bytes) -> Hint | None:
    """Return the hint in a body: a digit for its rank, 16 that make it unlike all others, and itself.

    None when it is none that is understood: the state store tells of the bundle again.
    """
    try:
        return _decode(body[17:])
    except (msgspec.MsgspecError, HtcGridError):
        return None


_decode = msgspec.json.Decoder(Hint).decode
