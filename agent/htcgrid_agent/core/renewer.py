"""Keeping leases."""

from collections.abc import Callable, Iterable

from htcgrid_agent.core.commands import Renew
from htcgrid_agent.core.held import HeldBundle
from htcgrid_agent.core.policy import AgentPolicy
from htcgrid_agent.core.wait import Patience


class Renewer:
    """One heartbeat at a time, for all leases at once."""

    def __init__(self, policy: AgentPolicy, jitter: Callable[[], float]) -> None:
        self._policy = policy
        self._patience = Patience(policy.backoff, jitter)
        self._under_way = False
        self._last = 0.0

    def wake_at(self) -> list[float]:
        """Return the time of the next heartbeat; none while one is under way."""
        return [] if self._under_way else [self._due]

    def next(self, held: Iterable[HeldBundle], now: float) -> Iterable[Renew]:
        """Yield the heartbeat to send now, if any."""
        if self._under_way or now < self._due:
            return
        self._last = now
        # Also those that are young: by this the agent learns of cancels.
        leases = tuple(bundle.lease for bundle in held)
        self._under_way = bool(leases)
        if leases:
            yield Renew(leases=leases)

    @property
    def _due(self) -> float:
        return max(self._last + self._policy.heartbeat, self._patience.until)

    def answered(self) -> None:
        """Note that the heartbeat was answered."""
        self._under_way = False
        self._patience.succeeded()

    def failed(self, now: float) -> None:
        """Note that it failed; the next one comes soon, as the leases run out."""
        self._under_way = False
        self._patience.failed(now)
        self._last = now - self._policy.heartbeat
