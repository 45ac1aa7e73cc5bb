"""Sessions, bundles and outcomes for clauses to work with."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from htcgrid.model import (
    Block,
    Bundle,
    BundleKey,
    Commit,
    Entry,
    Hint,
    Lease,
    Pack,
    Ranges,
    Session,
    SessionId,
    pack_blocks,
    pack_payloads,
    utcnow,
)

NOTHING = Ranges()


def new_id() -> SessionId:
    """Return an id that no session has, also in a store that outlives the test."""
    return SessionId(f"kit-{uuid4().hex[:16]}")


def session_of(**fields: Any) -> Session:
    """Return a session of a fresh id, with these fields."""
    plain = Session(id=new_id(), handler="htcgrid.testing.handlers:echo", created=utcnow())
    return msgspec.structs.replace(plain, **fields)


def bundle_of(session: Session, start: int, stop: int, content: str = "") -> Bundle:
    """Return the bundle of tasks ``start`` to ``stop - 1``; another ``content`` gives it another digest."""
    payloads = [f"{index}{content}".encode() for index in range(start, stop)]
    return Bundle(key=BundleKey(session.id, start), stop=stop, input=Pack.of(pack_payloads(payloads)))


def bundles_of(session: Session, count: int, tasks: int = 1) -> list[Bundle]:
    """Return ``count`` bundles of ``tasks`` tasks each, from task 0 on."""
    return [bundle_of(session, start, start + tasks) for start in range(0, count * tasks, tasks)]


def keys_of(things: Iterable[Bundle | Hint | Lease]) -> list[BundleKey]:
    """Return the names of bundles, of what is hinted, or of what is leased."""
    return [thing.key for thing in things]


def tasks(start: int, stop: int) -> Ranges:
    """Return the tasks ``start`` to ``stop - 1``."""
    return Ranges.of((start, stop))


def commit_of(lease: Lease, succeeded: Ranges, failed: Ranges = NOTHING, *, flush: int = 0) -> Commit:
    """Return a commit of these outcomes, with a pack that has a value for each task."""
    began = datetime(2001, 1, 1, tzinfo=UTC).timestamp()
    blocks = [
        Block(
            start, [b"%d" % index for index in range(start, stop)], began, [1000] * (stop - start), f"{lease.agent}/0"
        )
        for start, stop in (succeeded | failed).spans
    ]
    return Commit(lease=lease, flush=flush, succeeded=succeeded, failed=failed, pack=Pack.of(pack_blocks(blocks)))


def succeeded_in(entries: Iterable[Entry]) -> list[int]:
    """Return every task that ``entries`` list as succeeded, as often as they do, in ascending order."""
    return sorted(index for entry in entries for part in entry.parts for index in part.succeeded)


def ended_in(entries: Iterable[Entry]) -> list[int]:
    """Return every task that ``entries`` list, as often as they do, in ascending order."""
    parts = [part for entry in entries for part in entry.parts]
    return sorted(index for part in parts for ranges in (part.succeeded, part.failed) for index in ranges)
