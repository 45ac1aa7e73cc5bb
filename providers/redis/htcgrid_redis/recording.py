"""How outcomes are recorded: bundles, one entry per session, and the counts, in one step."""

from collections.abc import Sequence

from htcgrid.model import Commit, Committed, Ranges, SessionId
from htcgrid_redis.access import Access, random_number
from htcgrid_redis.keys import field_of
from htcgrid_redis.records import encode, flat, ranges_of
from htcgrid_redis.server import Call


def commit(access: Access, commits: Sequence[Commit]) -> list[Committed]:
    """Record outcomes. Costs 1 request, on a cluster 1 per session."""
    groups: dict[SessionId, list[int]] = {}
    for number, one in enumerate(commits):
        groups.setdefault(one.lease.key.session, []).append(number)
    calls = [_call(access, session, [commits[number] for number in group]) for session, group in groups.items()]
    answers: dict[int, Committed] = {}
    for group, found in zip(groups.values(), access.server.calls(calls, lasting=True) if calls else [], strict=True):
        for place, number in enumerate(group):
            answers[number] = _answer(commits[number], None if found is None else found[place])
    return [answers[number] for number in range(len(commits))]


def _call(access: Access, session: SessionId, commits: Sequence[Commit]) -> Call:
    shard = access.layout.shard(session)
    facts = [
        (
            field_of(one.lease.key),
            one.lease.key.start,
            one.lease.key.birth,
            one.lease.attempt,
            one.lease.nonce,
            flat(one.succeeded),
            flat(one.failed),
            one.lease.token,
        )
        for one in commits
    ]
    arguments = (access.now, access.forget, random_number(), session, encode(facts))
    return Call(
        "commit",
        [*shard.session(session), shard.due, shard.wait, shard.ends, shard.damaged],
        (*arguments, *(encode(one.pack) for one in commits)),
    )


def _answer(one: Commit, found: tuple[int, list[int], list[int]] | None) -> Committed:
    asked = one.succeeded | one.failed
    if found is None:
        return Committed(lease=None, accepted=Ranges(), refused=asked, cancelled=True)
    stays, succeeded, failed = found
    accepted = ranges_of(succeeded) | ranges_of(failed)
    return Committed(lease=one.lease if stays else None, accepted=accepted, refused=asked - accepted)
