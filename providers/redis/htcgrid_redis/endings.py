"""How sessions end before their tasks do, and how they go: cancel, delete, expire and collect."""

from collections.abc import Sequence

from htcgrid.model import CancelCounts, SessionId, defaults
from htcgrid.skew import clocks_agree
from htcgrid_redis.access import Access, milliseconds, not_found, random_number, text_of, unreadable
from htcgrid_redis.keys import Shard
from htcgrid_redis.server import Call

#: Bundles that one call sweeps.
_COUNT = 1000


def cancel(access: Access, session_ids: Sequence[SessionId]) -> list[CancelCounts]:
    """End sessions, then sweep their bundles. Costs 1 request, and 1 per session and 1,000 bundles.

    Raises:
        SessionNotFoundError: there is no such session; the others are cancelled.
        UnreadableError: one cannot be read; the others are cancelled.
    """
    calls = []
    for session in session_ids:
        shard = access.layout.shard(session)
        keys = [*shard.session(session), shard.ends, shard.sweep]
        calls.append(Call("cancel", keys, (access.now, random_number(), session)))
    answers = access.server.calls(calls, lasting=True) if calls else []
    for session, counts in zip(session_ids, answers, strict=True):
        if isinstance(counts, list):
            sweep(access, access.layout.shard(session), session)
    for session, counts in zip(session_ids, answers, strict=True):
        if counts is None:
            raise not_found(session)
        if counts == b"damaged":
            raise unreadable(session)
    return [
        CancelCounts(session=session, succeeded=counts[0], failed=counts[1], cancelled=counts[2])
        for session, counts in zip(session_ids, answers, strict=True)
    ]


def sweep(access: Access, shard: Shard, session: str) -> None:
    """Delete the bundles of a session that is over."""
    places = shard.session(SessionId(session))
    keys = [places.header, places.bundles, places.open, shard.due, shard.wait, shard.sweep]
    while access.server.call("sweep", keys, session, _COUNT):
        pass


def delete(access: Access, session: SessionId) -> None:
    """Make a session a tombstone, then sweep its bundles. Costs 2 requests, and 1 per 1,000 bundles."""
    shard = access.layout.shard(session)
    access.server.calls([_bury(access, shard, session, deleted=True)], lasting=True)
    sweep(access, shard, session)


def expired(access: Access, limit: int) -> list[SessionId]:
    """Return sessions to collect, none while this process's clock and the server's differ by over an hour.

    Costs 1 request per shard, and another per shard that has some.
    """
    found: list[SessionId] = []
    shards = access.layout.shards
    looks = access.server.calls([Call("ended", [shard.ends], (access.now, limit)) for shard in shards])
    for shard, (names, now) in zip(shards, looks, strict=True):
        if access.clock is None and not clocks_agree(int(now) / 1000):
            # One of the two is wrong; and what is gone does not come again.
            continue
        texts, _ = access.met.page(lambda name: text_of(name, "the name of a session"), names[: limit - len(found)])
        sessions = [SessionId(text) for text in texts]
        calls = [_bury(access, shard, session, deleted=False) for session in sessions]
        answers = access.server.calls(calls) if calls else []
        found += [session for session, answer in zip(sessions, answers, strict=True) if answer]
    return found


def collect(access: Access, session: SessionId, limit: int) -> bool:
    """Delete up to ``limit`` bundles of a tombstone, then all the rest. Costs 2 requests."""
    shard = access.layout.shard(session)
    places = shard.session(session)
    swept = [places.header, places.bundles, places.open, shard.due, shard.wait, shard.sweep]
    arguments = (access.now, session, milliseconds(defaults.LINGER), access.forget)
    calls = [Call("sweep", swept, (session, limit)), Call("collect", [*places, shard.ends], arguments)]
    return bool(access.server.calls(calls)[1])


def _bury(access: Access, shard: Shard, session: SessionId, *, deleted: bool) -> Call:
    places = shard.session(session)
    keys = [places.header, places.log, shard.ends, shard.sweep, shard.sessions]
    return Call("bury", keys, (access.now, random_number(), session, int(deleted)))
