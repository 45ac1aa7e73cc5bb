"""What stands in the server's keys, as the grid's own records; scripts write most of it, in MessagePack."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from htcgrid.model import (
    AgentId,
    Bundle,
    BundleKey,
    BundleStatus,
    Claim,
    Entry,
    Hint,
    Lease,
    Pack,
    Part,
    Ranges,
    Session,
    SessionId,
    SessionState,
    SessionStatus,
)
from htcgrid_redis.keys import key_of

encode = msgspec.msgpack.Encoder().encode
_decode_pack = msgspec.msgpack.Decoder(Pack).decode
#: As a script keeps them: start, stop, start, stop, …
Flat = list[int]

_STATES = (SessionState.OPEN, SessionState.SEALED, SessionState.CANCELLED)
#: From this state on a session is found by nobody.
_DELETED = 3
#: The fields of a header that tell how far its session is.
STATUS_FIELDS = ("body", "state", "total", "succeeded", "failed", "running")


class _Won(msgspec.Struct, array_like=True):
    """What a claim tells of its bundle, beside session and payloads."""

    attempt: int
    root: int
    open: Flat
    tries: Flat
    lapses: int
    alone: int
    #: What the session has that another one of its id has not.
    born: str


class _Record(msgspec.Struct, array_like=True):
    """A bundle with open tasks, as common.lua describes it."""

    stop: int
    root: int
    state: int
    attempt: int
    nonce: str
    agent: str
    heard: int
    lease: int
    lapses: int
    alone: int
    open: Flat
    tries: Flat
    due: int
    hinted: int


class _Entry(msgspec.Struct, array_like=True):
    """An entry of a log; its parts are (start, birth, succeeded, failed, pack)."""

    committed: int
    closing: bool
    parts: list[tuple[int, str, Flat, Flat, Pack]]


_decode_won = msgspec.msgpack.Decoder(_Won).decode
_decode_record = msgspec.msgpack.Decoder(_Record).decode
_decode_entry = msgspec.msgpack.Decoder(_Entry).decode
#: Few sessions are at work at a time, and each is read again and again.
_decode_session = lru_cache(256)(msgspec.msgpack.Decoder(Session).decode)


def flat(ranges: Ranges) -> Flat:
    """Return a set of tasks as scripts have it."""
    return [bound for span in ranges.spans for bound in span]


def ranges_of(numbers: Sequence[int]) -> Ranges:
    """Return what :func:`flat` made flat."""
    return Ranges(tuple(zip(numbers[::2], numbers[1::2], strict=True)))


def flat_tries(tries: dict[int, int]) -> Flat:
    """Return tries by task as scripts have them."""
    return [number for pair in tries.items() for number in pair]


def claim_of(key: BundleKey, agent: AgentId, nonce: str, answer: Sequence[bytes]) -> Claim:
    """Return a bundle that was won: ``answer`` has its session, its payloads, and what is left of it.

    Raises:
        msgspec.MsgspecError: its records are none that this version understands.
    """
    header, pack, won = answer
    facts = _decode_won(won)
    return Claim(
        lease=Lease(key=key, agent=agent, attempt=facts.attempt, nonce=nonce, token=facts.born),
        session=_decode_session(header),
        input=_decode_pack(pack),
        first=facts.root,
        open=ranges_of(facts.open),
        tries=_tries(facts.tries),
        lapses=facts.lapses,
        lapses_alone=facts.alone,
    )


def bundle_status(session: SessionId, field: bytes, record: bytes, now: int) -> BundleStatus:
    """Return what people are told of a bundle."""
    facts = _decode_record(record)
    running = facts.state == 1
    return BundleStatus(
        key=key_of(session, field.decode()),
        open=ranges_of(facts.open),
        agent=AgentId(facts.agent) if running else None,
        attempt=facts.attempt,
        lapses=facts.lapses,
        lapses_alone=facts.alone,
        tries=_tries(facts.tries),
        delay=timedelta(milliseconds=0 if running else max(0, facts.due - now)),
    )


def bundle_of(session: SessionId, root: bytes, pack: bytes) -> Bundle:
    """Return a bundle as it was submitted."""
    start, stop, _ = root.split(b"/", 2)
    return Bundle(key=BundleKey(session, int(start)), stop=int(stop), input=_decode_pack(pack))


def entry_of(session: SessionId, data: bytes) -> Entry | None:
    """Return an entry of a log; None for one that only woke its readers."""
    found = _decode_entry(data)
    if not found.parts and not found.closing:
        return None
    return Entry(
        parts=tuple(
            Part(BundleKey(session, start, birth), ranges_of(succeeded), ranges_of(failed), pack)
            for start, birth, succeeded, failed, pack in found.parts
        ),
        committed=datetime.fromtimestamp(found.committed / 1000, UTC),
        closing=found.closing,
    )


def status_of(values: Sequence[bytes | None]) -> SessionStatus | None:
    """Return how far a session is by its :data:`STATUS_FIELDS`; None when there is none."""
    body = values[0]
    if body is None:
        return None
    state, total, succeeded, failed, running = (int(value or 0) for value in values[1:])
    if state >= _DELETED:
        return None
    return SessionStatus(
        session=_decode_session(body),
        state=_STATES[state],
        total=total,
        succeeded=succeeded,
        failed=failed,
        cancelled=total - succeeded - failed if _STATES[state] is SessionState.CANCELLED else 0,
        running=running,
    )


def hint_of(key: BundleKey, facts: Sequence[Any]) -> Hint:
    """Return the hint of a bundle by its pool, priority, tasks, attempts and lapses, as a script tells them."""
    pool, priority, tasks, attempts, lapses = facts
    return Hint.of(key, pool.decode(), priority, tasks=tasks, attempts=attempts, lapses=lapses)


def _tries(numbers: Iterable[int]) -> dict[int, int]:
    pairs = iter(numbers)
    return dict(zip(pairs, pairs, strict=True))
