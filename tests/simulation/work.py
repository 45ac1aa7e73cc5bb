"""What tasks do: payloads say it, simulated workers act on it, and the judge knows what must come of it."""

from math import inf
from random import Random
from typing import Any

import msgspec

from htcgrid.model import Session
from htcgrid.model.call import PICKLED_CALL, read_call
from htcgrid.model.codec import PICKLE, codec_of
from htcgrid.model.codec.pickled import unpickled

_TYPED = codec_of("typed")


class Work(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One task's payload. Which try it is decides how it goes, so what must come of it is certain."""

    number: int
    seconds: float = 0.01
    #: Bytes of the result beside its number.
    size: int = 0
    #: Tries, from the first, that raise, or raise what no other try helps.
    raises: int = 0
    final: bool = False
    #: Tries that end their worker, that never end, and whether every try takes the agent along.
    kills_worker: int = 0
    hangs: int = 0
    kills_agent: bool = False
    #: A shared input that it needs.
    shared: str | None = None
    #: What the function says that it is to be called with; 0 for a handler.
    function: int = 0

    @property
    def result(self) -> bytes:
        """What it returns, encoded."""
        return _TYPED.encode(self.returns(self.function))

    @property
    def first_success(self) -> float:
        """Which try is the first that can succeed; none when each takes its agent along."""
        return inf if self.kills_agent else 1 + max(self.raises, self.kills_worker, self.hangs)

    def returns(self, function: int) -> list[Any]:
        """Return what a function returns of it, or a handler; of a shared input it says that it was there."""
        said = [function] if function else []
        return [self.number * 7 + 3, "x" * self.size, self.shared is not None, *said]

    @property
    def event(self) -> dict[str, Any]:
        """The payload as a client submits it."""
        return msgspec.to_builtins(self)  # type: ignore[no-any-return]

    @property
    def value(self) -> Any:
        """What a client gets."""
        return _TYPED.decode(self.result)


def read(payload: bytes, session: Session) -> Work:
    """Return what a payload says; of a call, its first argument does.

    Raises:
        EncodingError: it says nothing.
        ValidationError: it says something else.
    """
    if is_pickled(session):
        return _argument(unpickled(read_call(payload).arguments))
    event = _TYPED.decode(payload)
    if session.calls:
        return _argument(event)
    return msgspec.convert(event, Work)


def is_pickled(session: Session) -> bool:
    """Return whether a session's payloads are calls of pickled functions."""
    return (session.handler, session.codec) == (PICKLED_CALL, PICKLE)


def _argument(event: Any) -> Work:
    return msgspec.convert(event, tuple[tuple[Work], dict[str, Any]])[0][0]


def works(random: Random, count: int, *, faulty: float, timeout: bool) -> list[Work]:
    """Return tasks of which about a share of ``faulty`` do not simply succeed."""
    seconds = random.choice((0.0, 0.002, 0.02, 0.3, 3.0 if count < 40 else 0.05))
    size = random.choice((0, 0, 30, 300))
    # Short tasks are handed over several at a time; what stands behind one that is not as short goes to others.
    long = random.choice((0.0, 0.0, 0.1))
    return [
        _work(random, number, 0.5 if random.random() < long else seconds, size, faulty=faulty, timeout=timeout)
        for number in range(count)
    ]


def _work(random: Random, number: int, seconds: float, size: int, *, faulty: float, timeout: bool) -> Work:
    if random.random() >= faulty:
        return Work(number=number, seconds=seconds * random.uniform(0.5, 2.0), size=size)
    tries = random.choice((1, 1, 2, 9))
    match random.choice(("raises", "raises", "final", "kills", "hangs" if timeout else "raises", "slow")):
        case "raises":
            return Work(number=number, seconds=seconds, raises=tries)
        case "final":
            return Work(number=number, seconds=seconds, raises=1, final=True)
        case "kills":
            return Work(number=number, seconds=seconds, kills_worker=tries)
        case "hangs":
            return Work(number=number, seconds=seconds, hangs=tries)
        case _:
            # Or it ends at about the time-out.
            late = timeout and random.random() < 0.3
            return Work(number=number, seconds=random.uniform(*((11.9, 12.1) if late else (1.0, 8.0))), size=size)
