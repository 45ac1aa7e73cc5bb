"""A history in the order that its rules look at it in."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from htcgrid.model import BundleKey, Claim, Commit, Committed, Lease, Ranges
from htcgrid.testing.state.history import AddCall, Call, ClaimCall, CommitCall, GiveBackCall, History, Period

_Call = TypeVar("_Call", bound=Call)

#: What tells the lease of one claim from those of all others.
Fence = tuple[BundleKey, int, str]


class Won(NamedTuple):
    """A claim, and the call that won it."""

    call: ClaimCall
    claim: Claim

    @property
    def attempt(self) -> int:
        """The attempt that it is."""
        return self.claim.lease.attempt


class Answered(NamedTuple):
    """A commit, the call that it was in, and its answer."""

    call: CommitCall
    commit: Commit
    answer: Committed

    @property
    def key(self) -> BundleKey:
        """The bundle."""
        return self.commit.lease.key

    @property
    def asked(self) -> Ranges:
        """The tasks of the commit."""
        return self.commit.succeeded | self.commit.failed

    @property
    def failed(self) -> Ranges:
        """The failures that were accepted."""
        return (self.answer.accepted & self.commit.failed) - self.commit.succeeded


class Evidence:
    """The calls of a history by what they were about."""

    def __init__(self, history: History) -> None:
        """Sort what was recorded; this changes nothing and asks nobody."""
        self.history = history
        #: Of each bundle, the claims that were won, by attempt.
        self.won: dict[BundleKey, list[Won]] = defaultdict(list)
        for call in self.calls(ClaimCall):
            for claim in call.won:
                self.won[claim.key].append(Won(call, claim))
        for won in self.won.values():
            won.sort(key=lambda one: one.attempt)
        self.answered = [
            Answered(call, commit, answer)
            for call in self.calls(CommitCall)
            for commit, answer in zip(call.commits, call.answers, strict=True)
        ]
        #: When each task that was accepted was so, for the first time.
        self.accepted: dict[int, Period] = {}
        for one in self.answered:
            for index in one.answer.accepted:
                self.accepted.setdefault(index, one.call.period)
        #: The tasks that each bundle ever held, and those that were carved off it, by which call.
        self.held: dict[BundleKey, Ranges] = defaultdict(Ranges)
        self.carved: dict[BundleKey, list[tuple[Call, Ranges]]] = defaultdict(list)
        self._follow_tasks()

    def calls(self, kind: type[_Call]) -> list[_Call]:
        """Return the calls of one verb, in the order in which they began."""
        found = [call for call in self.history.calls if isinstance(call, kind)]
        return sorted(found, key=lambda call: call.period)

    def ended_before(self, call: Call, tasks: Ranges) -> Ranges:
        """Return those of ``tasks`` that had an outcome when a call began."""
        return Ranges.of_indexes(
            index for index in tasks if index in self.accepted and self.accepted[index].ended < call.period.began
        )

    def carved_before(self, call: Call, key: BundleKey) -> Ranges:
        """Return the tasks that had been carved off a bundle when a call began."""
        return union(part for other, part in self.carved[key] if other.before(call))

    def _follow_tasks(self) -> None:
        for call in self.calls(AddCall):
            for bundle in call.bundles:
                self.held[bundle.key] |= Ranges.of((bundle.key.start, bundle.stop))
        for back in self.calls(GiveBackCall):
            if back.given is None:
                continue
            for hint, part in zip(back.given.hints, filter(None, back.given.carved), strict=False):
                self.held[hint.key] |= part
                if hint.key != back.lease.key:
                    self.carved[back.lease.key].append((back, part))


def fence(lease: Lease) -> Fence:
    """Return the fence of a lease, with its bundle."""
    return lease.key, lease.attempt, lease.nonce


def union(sets: Iterable[Ranges]) -> Ranges:
    """Return the tasks that are in any of the sets."""
    return Ranges.of(*(span for tasks in sets for span in tasks.spans))


def shown(tasks: Iterable[int]) -> str:
    """Return tasks for people to read, as ``0-3, 7``."""
    spans = Ranges.of_indexes(tasks).spans
    return ", ".join(f"{start}" if stop == start + 1 else f"{start}-{stop - 1}" for start, stop in spans) or "none"
