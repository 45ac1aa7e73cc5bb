"""How agents get, keep and give back bundles."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from htcgrid.errors import UnreadableError
from htcgrid.interfaces import Renewal
from htcgrid.model import (
    AgentId,
    BundleKey,
    Claim,
    GivenBack,
    Lease,
    LossCause,
    Lost,
    Ranges,
    Remainder,
    child_birth,
    defaults,
)
from htcgrid.model.header import HEADER
from htcgrid_redis.access import Access, milliseconds, numbered
from htcgrid_redis.keys import Shard, field_of, key_of
from htcgrid_redis.records import claim_of, encode, flat, flat_tries, hint_of, ranges_of
from htcgrid_redis.server import Call

#: Most parts of a bundle that one call carves: each is cut out of what the others left.
_PARTS = 64


def claim(access: Access, keys: Sequence[BundleKey], agent: AgentId, lease: timedelta) -> list[Claim]:
    """Win pending bundles. Costs 1 request, on a cluster 1 per shard, and another when some cannot be read.

    Such a one is put down: nobody wins it for an hour.
    """
    claims: list[Claim] = []
    asked = [(key, secrets.token_hex(8)) for key in dict.fromkeys(keys)]
    groups = access.by_shard(asked, lambda item: item[0].session)
    calls = []
    for shard, items in groups.items():
        sessions = numbered([key.session for key, _ in items])
        wanted = [(sessions[key.session], key.session, field_of(key), nonce) for key, nonce in items]
        places = [place for session in sessions for place in shard.session(session)]
        arguments = (access.now, access.forget, agent, milliseconds(lease), defaults.SCHEMA, encode(wanted))
        calls.append(Call("claim", [shard.due, shard.wait, shard.damaged, *places], arguments))
    withdrawn: list[Call] = []
    for (shard, items), won in zip(groups.items(), access.server.calls(calls) if calls else [], strict=True):
        refused: list[tuple[BundleKey, str, UnreadableError]] = []
        for number, *answer in won:
            key, nonce = items[number - 1]
            try:
                claims.append(claim_of(key, agent, nonce, answer, access.decode))
            except UnreadableError as error:
                access.met.note(error)
                refused.append((key, nonce, error))
        if refused:
            withdrawn.append(_withdrawal(access, shard, refused))
    if withdrawn:
        access.server.calls(withdrawn)
    return claims


def _withdrawal(access: Access, shard: Shard, refused: Sequence[tuple[BundleKey, str, UnreadableError]]) -> Call:
    """Return what takes claims back, of bundles that cannot be read after all."""
    sessions = numbered([key.session for key, _, _ in refused])
    places = [place for session in sessions for place in shard.session(session)[:2]]
    claims = [
        (
            sessions[key.session],
            key.session,
            field_of(key),
            nonce,
            int(error.what == HEADER),
            f"{error.what}\n{error.why}",
        )
        for key, nonce, error in refused
    ]
    return Call("withdraw", [shard.due, shard.wait, shard.damaged, *places], (access.now, encode(claims)))


def renew(access: Access, leases: Sequence[Lease]) -> Renewal:
    """Keep leases for another lease's time. Costs 1 request, on a cluster 1 per shard."""
    renewal = Renewal(kept=[], lost=[])
    groups = access.by_shard(leases, lambda lease: lease.key.session)
    calls = []
    for shard, group in groups.items():
        sessions = numbered([lease.key.session for lease in group])
        held = [(sessions[lease.key.session], field_of(lease.key), lease.attempt, lease.nonce) for lease in group]
        places = [place for session in sessions for place in shard.session(session)]
        calls.append(Call("renew", places, (access.now, access.forget, encode(held))))
    for group, answers in zip(groups.values(), access.server.calls(calls) if calls else [], strict=True):
        for lease, answer in zip(group, answers, strict=True):
            if answer == 0:
                renewal.kept.append(lease)
            else:
                cause = LossCause.LAPSED if answer == 1 else LossCause.CANCELLED
                renewal.lost.append(Lost(key=lease.key, nonce=lease.nonce, cause=cause))
    return renewal


def give_back(access: Access, lease: Lease, remainders: Sequence[Remainder]) -> GivenBack | None:
    """Carve parts of a leased bundle into new pending ones. Costs 1 request per 64 parts."""
    given: GivenBack | None = None
    for part in (remainders[first : first + _PARTS] for first in range(0, max(1, len(remainders)), _PARTS)):
        more = _give_back(access, lease, part) if given is None or given.lease is not None else _nothing(part)
        if more is None:
            # Somebody else has the rest.
            more = _nothing(part)
            if given is None:
                return None
        given = more if given is None else _together(given, more)
    return given


def _nothing(remainders: Sequence[Remainder]) -> GivenBack:
    return GivenBack(lease=None, carved=[Ranges() for _ in remainders], hints=[])


def _together(first: GivenBack, second: GivenBack) -> GivenBack:
    return GivenBack(lease=second.lease, carved=[*first.carved, *second.carved], hints=[*first.hints, *second.hints])


def _give_back(access: Access, lease: Lease, remainders: Sequence[Remainder]) -> GivenBack | None:
    session = lease.key.session
    shard = access.layout.shard(session)
    places = shard.session(session)
    parts = [
        (
            flat(part.ranges),
            milliseconds(part.delay),
            flat_tries(part.tries),
            -1 if part.lapses is None else part.lapses,
        )
        for part in remainders
    ]
    answer = access.server.call(
        "give_back",
        [places.header, places.bundles, places.open, shard.due, shard.wait],
        access.now,
        session,
        field_of(lease.key),
        lease.attempt,
        lease.nonce,
        child_birth(lease.key, lease.attempt),
        encode(parts),
        lasting=True,
    )
    if answer is None:
        return None
    stays, carved, pool, priority, pending = answer
    return GivenBack(
        lease=lease if stays else None,
        carved=[ranges_of(part) for part in carved],
        hints=[hint_of(key_of(session, field.decode()), (pool, priority, *facts)) for field, *facts in pending],
    )
