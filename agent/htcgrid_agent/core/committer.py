"""What to commit, and when."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping

from htcgrid.model import Ranges
from htcgrid_agent.core.commands import Commit, CommitPart
from htcgrid_agent.core.held import HeldBundle
from htcgrid_agent.core.policy import AgentPolicy
from htcgrid_agent.core.wait import Patience


class Committer:
    """One commit at a time: what ends while it is under way goes into the next, so a busy agent commits in batches.

    A commit that failed is cut in half and sent again, in turns with what is new: a part that the service cannot take
    holds up no other.
    """

    def __init__(self, policy: AgentPolicy, jitter: Callable[[], float]) -> None:
        self._policy = policy
        self._patience = Patience(policy.backoff, jitter)
        self._under_way = False
        #: Commits that failed. Their parts are sent again as they were, for a flush number names fixed content.
        self._again: deque[Commit] = deque()
        #: About how many bytes of outcomes the commit under way has.
        self._size = 0
        #: Whether the last commit failed, so that something new goes next.
        self._failed = False

    @property
    def busy(self) -> bool:
        """Whether a commit is under way, or is to be sent again."""
        return self._under_way or bool(self._again)

    @property
    def size(self) -> int:
        """About how many bytes of outcomes are on their way, or are to be sent again."""
        return self._size + sum(_size(commit) for commit in self._again)

    def wake_at(self, held: Iterable[HeldBundle]) -> list[float]:
        """Return the times at which there may be something to commit."""
        if self._under_way:
            return []
        if self._again:
            return [self._patience.until]
        times = (bundle.since + self._policy.flush for bundle in held if bundle.since is not None)
        return [max(self._patience.until, time) for time in times]

    def next(self, held: Mapping[str, HeldBundle], now: float, *, at_once: bool) -> Commit | None:
        """Return the commit to send now, if any; ``held`` holds the bundles by nonce.

        A bundle's outcomes are due when it is done, when the oldest has waited for ``flush``, and ``at_once`` when
        nothing else waits to be run.
        """
        if self._under_way or self._patience.until > now:
            return None
        self._drop_lost(held)
        commit = None if self._again and not self._failed else self._fresh(held.values(), now, at_once=at_once)
        if commit is None and self._again:
            commit = self._again.popleft()
        self._failed = False
        self._under_way = commit is not None
        self._size = 0 if commit is None else _size(commit)
        return commit

    def answered(self) -> None:
        """Note that the commit under way was answered."""
        self._under_way, self._size = False, 0
        self._patience.succeeded()

    def failed(self, commit: Commit, now: float, *, final: bool) -> CommitPart | None:
        """Note that nobody knows whether the commit took effect; return the part that never will, if that is certain.

        It is certain once a part that was sent by itself failed for good.
        """
        self._under_way, self._size = False, 0
        self._failed = True
        self._patience.failed(now)
        if final and len(commit.parts) == 1:
            return commit.parts[0]
        middle = (len(commit.parts) + 1) // 2
        halves = (commit.parts[:middle], commit.parts[middle:])
        self._again.extend(Commit(parts=parts) for parts in halves if parts)
        return None

    def _fresh(self, held: Collection[HeldBundle], now: float, *, at_once: bool) -> Commit | None:
        parts = tuple(_part(bundle) for bundle in held if self._due(bundle, now, at_once=at_once))
        return Commit(parts=parts) if parts else None

    def _drop_lost(self, held: Mapping[str, HeldBundle]) -> None:
        """Drop what belongs to bundles that are another agent's by now, which runs their tasks again."""
        if self._again:
            kept = (tuple(part for part in commit.parts if part.lease.nonce in held) for commit in self._again)
            self._again = deque(Commit(parts=parts) for parts in kept if parts)

    def _due(self, bundle: HeldBundle, now: float, *, at_once: bool) -> bool:
        if bundle.since is None or bundle.committing:
            return False
        return at_once or bundle.idle or bundle.suspect or now >= bundle.since + self._policy.flush


def _size(commit: Commit) -> int:
    return sum(part.size for part in commit.parts)


def _part(bundle: HeldBundle) -> CommitPart:
    part = CommitPart(
        lease=bundle.lease,
        flush=bundle.flush,
        succeeded=Ranges.of(*bundle.succeeded),
        failed=Ranges.of(*bundle.failed),
        blocks=tuple(bundle.blocks),
        size=bundle.size,
    )
    bundle.flush += 1
    bundle.blocks, bundle.succeeded, bundle.failed, bundle.since, bundle.size = [], [], [], None, 0
    bundle.committing = True
    return part
