"""How sessions and bundles come in: create, add and seal."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from htcgrid.errors import ConflictError
from htcgrid.model import Bundle, Session, SessionId, SessionState, in_order, in_parts, other_content
from htcgrid_redis.access import Access, milliseconds, not_found, random_number, unreadable
from htcgrid_redis.records import encode

#: Most bundles, and about most bytes, of one call, for which all others wait.
_COUNT, _SIZE = 256, 2 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def create(access: Access, session: Session, bundles: Sequence[Bundle], *, sealed: bool) -> None:
    """Record a session and its first bundles. Costs 1 request per 256 bundles or 2 MiB of them.

    Raises:
        ConflictError: the id is taken, or the session holds other tasks.
        UnreadableError: the session cannot be read.
    """
    ordered = in_order(session.id, bundles)
    header = encode(
        {
            "digest": session.digest,
            "schema": session.schema,
            "pool": session.pool,
            "priority": session.priority,
            "keep": milliseconds(session.keep_for),
            # By this they are listed, the last one first.
            "listed": f"{(session.created - _EPOCH) // timedelta(microseconds=1) + (1 << 60):020d}/{session.id}",
        }
    )
    body = encode(session)
    parts = list(in_parts(ordered, count=_COUNT, size=_SIZE))
    total = ordered[-1].stop if ordered else 0
    for number, part in enumerate(parts, 1):
        sealing = total if sealed and number == len(parts) else None
        submit(access, session.id, part, header=(header, body), total=sealing)


def add(access: Access, session: SessionId, bundles: Sequence[Bundle]) -> None:
    """Record more bundles. Costs 1 request per 256 bundles or 2 MiB of them.

    Raises:
        ConflictError: a bundle is there with other content, or the session takes no more.
        SessionNotFoundError: there is no such session.
        UnreadableError: it cannot be read.
    """
    for part in in_parts(in_order(session, bundles), count=_COUNT, size=_SIZE):
        submit(access, session, part)


def submit(
    access: Access,
    session: SessionId,
    bundles: Sequence[Bundle],
    *,
    header: tuple[bytes, bytes] = (b"", b""),
    total: int | None = None,
) -> None:
    """Record a session, if a header is given and it is new, bundles of it, and with ``total`` that no more come."""
    shard = access.layout.shard(session)
    answer = access.server.call(
        "submit" if bundles or header[0] else "seal",
        [*shard.session(session), shard.due, shard.wait, shard.sessions, shard.ends],
        access.now,
        access.forget,
        random_number(),
        session,
        *header,
        encode([(bundle.key.start, bundle.stop, bundle.input.digest) for bundle in bundles]),
        "" if total is None else total,
        *(encode(bundle.input) for bundle in bundles),
        lasting=True,
    )
    match answer:
        case [b"done", _]:
            return
        case [b"damaged"]:
            raise unreadable(session)
        case [b"missing"]:
            raise not_found(session)
        case [b"deleted"] if header[0]:
            raise ConflictError(f"session {session!r} was deleted, and its id cannot be used again; submit another")
        case [b"deleted"]:
            raise not_found(session)
        case [b"taken"]:
            raise ConflictError(
                f"session {session!r} is there with another handler or other options; submit under another id"
            )
        case [b"conflict", number]:
            raise other_content(bundles[number - 1])
        case [b"over", state]:
            shown = (SessionState.OPEN, SessionState.SEALED, SessionState.CANCELLED)[state].lower()
            raise ConflictError(f"session {session!r} is {shown} and takes no more tasks; submit another")
        case [b"total", there]:
            raise ConflictError(f"session {session!r} holds {there} tasks, so it cannot be sealed with {total}")
    raise AssertionError(f"submit.lua has no such answer: {answer}")
