"""What to commit, and when."""

from collections.abc import Callable, Iterable

from htcgrid.model import Ranges
from htcgrid_agent.core.commands import Commit, CommitPart
from htcgrid_agent.core.held import HeldBundle
from htcgrid_agent.core.policy import AgentPolicy
from htcgrid_agent.core.wait import Patience


class Committer:
    """One commit at a time: what ends while it is under way goes into the next, so a busy agent commits in batches."""

    def __init__(self, policy: AgentPolicy, jitter: Callable[[], float]) -> None:
        self._policy = policy
        self._patience = Patience(policy.backoff, jitter)
        self._under_way = False
        #: A commit that failed. It is sent again as it was, for a flush number names fixed content.
        self._again: Commit | None = None

    @property
    def busy(self) -> bool:
        """Whether a commit is under way, or is to be sent again."""
        return self._under_way or self._again is not None

    def wake_at(self, held: Iterable[HeldBundle]) -> list[float]:
        """Return the times at which there may be something to commit."""
        if self._under_way:
            return []
        if self._again is not None:
            return [self._patience.until]
        return [bundle.since + self._policy.flush for bundle in held if bundle.since is not None]

    def next(self, held: Iterable[HeldBundle], now: float, *, at_once: bool) -> Commit | None:
        """Return the commit to send now, if any.

        A bundle's outcomes are due when it is done, when the oldest has waited for ``flush``, and ``at_once`` when
        nothing else waits to be run.
        """
        if self._under_way or self._patience.until > now:
            return None
        commit, self._again = self._again, None
        if commit is None:
            due = (bundle for bundle in held if self._due(bundle, now, at_once=at_once))
            commit = Commit(parts=tuple(_part(bundle) for bundle in due))
        if not commit.parts:
            return None
        self._under_way = True
        return commit

    def answered(self) -> None:
        """Note that the commit under way was answered."""
        self._under_way = False
        self._patience.succeeded()

    def failed(self, commit: Commit, now: float) -> None:
        """Note that nobody knows whether the commit took effect."""
        self._under_way = False
        self._again = commit
        self._patience.failed(now)

    def _due(self, bundle: HeldBundle, now: float, *, at_once: bool) -> bool:
        if bundle.since is None or bundle.committing:
            return False
        return at_once or bundle.idle or bundle.suspect or now >= bundle.since + self._policy.flush


def _part(bundle: HeldBundle) -> CommitPart:
    part = CommitPart(
        lease=bundle.lease,
        flush=bundle.flush,
        succeeded=Ranges.of(*bundle.succeeded),
        failed=Ranges.of(*bundle.failed),
        blocks=tuple(bundle.blocks),
    )
    bundle.flush += 1
    bundle.blocks, bundle.succeeded, bundle.failed, bundle.since = [], [], [], None
    bundle.committing = True
    return part
