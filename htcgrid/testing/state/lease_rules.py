"""What a history must show of claims, leases and bundles."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from htcgrid.model import BundleKey, Lease, Ranges
from htcgrid.testing.state.evidence import Evidence, Fence, Won, fence, shown, union
from htcgrid.testing.state.history import Call, DueCall, GiveBackCall, RenewCall


class Word(NamedTuple):
    """What a call says of a lease: that it is current, or that it is over."""

    call: Call
    lease: Lease
    current: bool
    verb: str = ""


def attempts(evidence: Evidence) -> Iterator[str]:
    """Yield bundles whose attempts are not numbered from 1 on, each won once, and in that order; nonces likewise."""
    for key, won in evidence.won.items():
        numbers = [one.attempt for one in won]
        if numbers != list(range(1, len(won) + 1)):
            yield f"bundle {key}: the attempts {numbers} were won, and not each from 1 on once"
        for first, second in pairwise(won):
            if second.call.before(first.call):
                yield f"bundle {key}: attempt {second.attempt} was won before attempt {first.attempt}"
    nonces = Counter(one.claim.lease.nonce for won in evidence.won.values() for one in won)
    yield from (f"the nonce {nonce!r} was given {count} times" for nonce, count in nonces.items() if count > 1)


def takeovers(evidence: Evidence) -> Iterator[str]:
    """Yield claims of a bundle that somebody held: it was neither given back nor hinted as lapsed."""
    for key, won in evidence.won.items():
        for first, second in pairwise(won):
            if not _was_free_between(evidence, first, second):
                yield (
                    f"bundle {key}: attempt {second.attempt} was won while attempt {first.attempt} held it, which was "
                    "neither given back nor hinted as lapsed"
                )


def fences(evidence: Evidence) -> Iterator[str]:
    """Yield leases that were taken for current after a later attempt was won, or after they were said to be over."""
    words = list(_words(evidence))
    over: dict[Fence, int] = {}
    for word in words:
        if not word.current:
            ended = word.call.period.ended
            over[fence(word.lease)] = min(ended, over.get(fence(word.lease), ended))
    for word in (word for word in words if word.current):
        lease, began = word.lease, word.call.period.began
        later = [one for one in evidence.won[lease.key] if one.attempt > lease.attempt and one.call.before(word.call)]
        if later:
            yield f"bundle {lease.key}: attempt {lease.attempt} {word.verb} after attempt {later[0].attempt} was won"
        elif over.get(fence(lease), began) < began:
            yield f"bundle {lease.key}: attempt {lease.attempt} {word.verb} after it was said to be over"


def carving(evidence: Evidence) -> Iterator[str]:
    """Yield tasks that were given back unasked, twice under one lease, after they ended, or by who had them not."""
    gone: dict[Fence, Ranges] = defaultdict(Ranges)
    for call in evidence.calls(GiveBackCall):
        if call.given is None:
            continue
        key, parts = call.lease.key, union(call.given.carved)
        asked = zip(call.given.carved, call.remainders, strict=True)
        yield from _wrong(key, union(part - remainder.ranges for part, remainder in asked), "given back unasked")
        yield from _wrong(key, parts - evidence.held[key], "given back by a bundle that never held them")
        yield from _wrong(key, evidence.ended_before(call, parts), "given back after they had ended")
        if sum(part.count for part in call.given.carved) > (parts - gone[fence(call.lease)]).count:
            yield f"bundle {key}: attempt {call.lease.attempt} gave tasks back twice: {shown(parts)}"
        gone[fence(call.lease)] |= parts


def places(evidence: Evidence) -> Iterator[str]:
    """Yield tasks that were claimed or committed in a bundle that did not hold them, or claimed after they ended."""
    for key, won in evidence.won.items():
        for call, claim in won:
            yield from _wrong(key, claim.open - evidence.held[key], "claimed in a bundle that never held them")
            yield from _wrong(key, claim.open & evidence.carved_before(call, key), "claimed after they were given back")
            yield from _wrong(key, evidence.ended_before(call, claim.open), "claimed after they had ended")
    for one in evidence.answered:
        accepted = one.answer.accepted
        yield from _wrong(one.key, accepted - evidence.held[one.key], "accepted in a bundle that never held them")
        gone = evidence.carved_before(one.call, one.key)
        yield from _wrong(one.key, accepted & gone, "accepted in a bundle that had given them back")


def _was_free_between(evidence: Evidence, first: Won, second: Won) -> bool:
    """Return whether some call may have made the bundle pending after the first claim and before the second."""
    key = first.claim.key
    for call in evidence.history.calls:
        if second.call.before(call) or call.before(first.call):
            continue
        if isinstance(call, DueCall) and key in call.hinted:
            return True
        if isinstance(call, GiveBackCall) and fence(call.lease) == fence(first.claim.lease) and call.returned():
            return True
    return False


def _words(evidence: Evidence) -> Iterator[Word]:
    for call in evidence.calls(RenewCall):
        kept = {fence(lease) for lease in call.kept}
        yield from (Word(call, lease, fence(lease) in kept, "was renewed") for lease in call.leases)
    for one in evidence.answered:
        lease = one.commit.lease
        yield Word(one.call, lease, current=one.answer.lease is not None, verb="kept its lease in a commit")
        if one.failed:
            yield Word(one.call, lease, current=True, verb="recorded failures")
    for back in evidence.calls(GiveBackCall):
        if back.given is not None:
            yield Word(back, back.lease, current=True, verb="gave tasks back")
        if back.given is None or back.given.lease is None:
            yield Word(back, back.lease, current=False)


def _wrong(key: BundleKey, tasks: Ranges, what: str) -> Iterator[str]:
    if tasks:
        yield f"bundle {key}: tasks were {what}: {shown(tasks)}"
