"""What stands in the server's keys, as the grid's own records; scripts write most of it, in MessagePack."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any

import msgspec

from htcgrid.errors import UnreadableError
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
    SessionId,
    SessionState,
    SessionStatus,
)
from htcgrid.model.decoding import Count, Decoder, Row, number_of, unreadable
from htcgrid.model.header import DecodeSession
from htcgrid_redis.access import text_of
from htcgrid_redis.keys import key_of

encode = msgspec.msgpack.Encoder().encode
#: As a script keeps them: start, stop, start, stop, …
Flat = list[Count]

_STATES = (SessionState.OPEN, SessionState.SEALED, SessionState.CANCELLED)
#: From this state on a session is found by nobody.
_DELETED = 3
#: The fields of a header that tell how far its session is.
STATUS_FIELDS = ("body", "state", "total", "succeeded", "failed", "running")
#: Milliseconds since the epoch of which there is a datetime.
_LAST = 253_402_300_799_000
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=_LAST)]


class _Won(msgspec.Struct, array_like=True):
    """What a claim tells of its bundle, beside session and payloads."""

    attempt: Count
    root: Count
    open: Flat
    tries: Flat
    lapses: Count
    alone: Count
    #: What the session has that another one of its id has not.
    born: str


class _Record(msgspec.Struct, array_like=True):
    """A bundle with open tasks, as common.lua describes it."""

    stop: Count
    root: Count
    state: Annotated[int, msgspec.Meta(ge=0, le=1)]
    attempt: Count
    nonce: str
    agent: str
    heard: Count
    lease: Count
    lapses: Count
    alone: Count
    open: Flat
    tries: Flat
    due: Milliseconds
    hinted: Count


class _Entry(msgspec.Struct, array_like=True):
    """An entry of a log; its parts are (start, birth, succeeded, failed, pack)."""

    committed: Milliseconds
    closing: bool
    parts: list[tuple[Count, str, Flat, Flat, Pack]]


class _Status(msgspec.Struct, array_like=True):
    """What is read of a session beside its header, in its order."""

    state: Count
    total: Count
    succeeded: Count
    failed: Count
    running: int


def _check_open(found: _Won | _Record) -> None:
    _check_set(found.open)
    if len(found.tries) % 2:
        raise ValueError("a task has no number of tries")


def _check_entry(entry: _Entry) -> None:
    for _, _, succeeded, failed, _ in entry.parts:
        _check_set(succeeded)
        _check_set(failed)


def _check_set(numbers: Flat) -> None:
    """Refuse what is no set of tasks: it is sorted, and none of its spans is empty."""
    if len(numbers) % 2 or any(later <= earlier for earlier, later in zip(numbers[::2], numbers[1::2], strict=True)):
        raise ValueError("a set of tasks has an empty span")
    if any(later < earlier for earlier, later in pairwise(numbers)):
        raise ValueError("a set of tasks is not sorted")


_decode_pack: Decoder[Pack] = Decoder(Pack, "the payloads of bundle")
_decode_won: Decoder[_Won] = Decoder(_Won, "bundle", check=_check_open)
_decode_record: Decoder[_Record] = Decoder(_Record, "bundle", check=_check_open)
_decode_entry: Decoder[_Entry] = Decoder(_Entry, "an entry of session", check=_check_entry)
_status_row = Row(_Status, "session")


def flat(ranges: Ranges) -> Flat:
    """Return a set of tasks as scripts have it."""
    return [bound for span in ranges.spans for bound in span]


def ranges_of(numbers: Sequence[int]) -> Ranges:
    """Return what :func:`flat` made flat."""
    return Ranges(tuple(zip(numbers[::2], numbers[1::2], strict=True)))


def flat_tries(tries: dict[int, int]) -> Flat:
    """Return tries by task as scripts have them."""
    return [number for pair in tries.items() for number in pair]


def claim_of(key: BundleKey, agent: AgentId, nonce: str, answer: Sequence[bytes], decode: DecodeSession) -> Claim:
    """Return a bundle that was won: ``answer`` has its session, its payloads, and what is left of it.

    Raises:
        UnreadableError: its records are none that this version understands.
    """
    header, pack, won = answer
    facts = _decode_won(won, key)
    return Claim(
        lease=Lease(key=key, agent=agent, attempt=facts.attempt, nonce=nonce, token=facts.born),
        session=decode(header, key.session),
        input=_decode_pack(pack, key),
        first=facts.root,
        open=ranges_of(facts.open),
        tries=_tries(facts.tries),
        lapses=facts.lapses,
        lapses_alone=facts.alone,
    )


def bundle_status(session: SessionId, field: bytes, record: bytes, now: int) -> BundleStatus:
    """Return what people are told of a bundle.

    Raises:
        UnreadableError: it cannot be read.
    """
    name = text_of(field, f"the name of a bundle of session {session}")
    facts = _decode_record(record, f"{session}/{name}")
    running = facts.state == 1
    return BundleStatus(
        key=key_of(session, name),
        open=ranges_of(facts.open),
        agent=AgentId(facts.agent) if running else None,
        attempt=facts.attempt,
        lapses=facts.lapses,
        lapses_alone=facts.alone,
        tries=_tries(facts.tries),
        delay=timedelta(milliseconds=0 if running else max(0, facts.due - now)),
    )


def bundle_of(session: SessionId, root: bytes, pack: bytes) -> Bundle:
    """Return a bundle as it was submitted.

    Raises:
        UnreadableError: it cannot be read.
    """
    bounds = [number_of(part.decode("ascii", "replace")) for part in root.split(b"/", 2)[:2]]
    if len(bounds) < 2 or bounds[0] is None or bounds[1] is None or bounds[0] >= bounds[1]:
        raise UnreadableError("the name of a submitted bundle of session", session, "it has no bounds of tasks")
    key = BundleKey(session, bounds[0])
    return Bundle(key=key, stop=bounds[1], input=_decode_pack(pack, key))


def entry_of(session: SessionId, data: bytes) -> Entry | None:
    """Return an entry of a log; None for one that only woke its readers.

    Raises:
        UnreadableError: it cannot be read.
    """
    found = _decode_entry(data, session)
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


def status_of(
    session: SessionId, values: Sequence[bytes | None] | Exception, decode: DecodeSession
) -> SessionStatus | None:
    """Return how far a session is by its :data:`STATUS_FIELDS`; None when there is none.

    Raises:
        UnreadableError: it cannot be read.
    """
    if isinstance(values, Exception):
        raise unreadable("session", session, values)
    body, *counts = values
    if body is None and counts[0] is None:
        return None
    numbers = [b"" if value is None else value for value in counts]
    row = _status_row([_integer(value) for value in numbers], session)
    if row.state >= _DELETED:
        return None
    state = _STATES[row.state]
    return SessionStatus(
        session=decode(body or b"", session),
        state=state,
        total=row.total,
        succeeded=row.succeeded,
        failed=row.failed,
        cancelled=max(0, row.total - row.succeeded - row.failed) if state is SessionState.CANCELLED else 0,
        running=max(0, row.running),
    )


def _integer(value: bytes) -> int | bytes:
    """Return the number that a field is; as it is when it is none, which no column takes."""
    digits = value.removeprefix(b"-")
    return int(value) if digits.isdigit() and len(digits) < 20 else value


def hint_of(key: BundleKey, facts: Sequence[Any]) -> Hint:
    """Return the hint of a bundle by its pool, priority, tasks, attempts and lapses, as a script tells them."""
    pool, priority, tasks, attempts, lapses = facts
    return Hint.of(key, pool.decode("utf-8", "replace"), priority, tasks=tasks, attempts=attempts, lapses=lapses)


def _tries(numbers: Iterable[int]) -> dict[int, int]:
    pairs = iter(numbers)
    return dict(zip(pairs, pairs, strict=True))
