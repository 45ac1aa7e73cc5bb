"""When a suspect bundle may have the agent to itself."""

from collections.abc import Sequence

import msgspec

from htcgrid.model import Delivery
from htcgrid_agent.core.policy import AgentPolicy

#: Looks in a row that find nothing but suspect bundles, until these are sent to the end of the line, so that what is
#: behind them is found; and until it is taken that there is nothing else.
_BEHIND, _NOTHING = 16, 64


class Seclusion:
    """Keeps the hint of one suspect bundle until the agent holds nothing; sees that other work is done in between.

    Whatever is held beside a task that takes its agent along lapses with it. So a suspect bundle is claimed alone, by
    an agent that holds nothing: also thousands of them never lapse together. When it is over, others have the agent for
    as long as it had: suspect bundles take no more than half of a grid that has other work.
    """

    def __init__(self, policy: AgentPolicy) -> None:
        self._policy = policy
        #: The hint of the suspect bundle that is next here, and until when it is waited for room.
        self._kept: Delivery | None = None
        self._give_up_at = 0.0
        #: Since when it, or another one, is held.
        self._since: float | None = None
        #: Until then suspect bundles are left to others, if there is anything else to do.
        self._others_until = 0.0
        self._in_vain = 0

    @property
    def waiting(self) -> bool:
        """Whether nothing else may be acquired: a suspect bundle waits for room."""
        return self._kept is not None

    def wake_at(self) -> list[float]:
        """Return the time at which no more room is waited for."""
        return [] if self._kept is None else [self._give_up_at]

    def offered(self, left: Sequence[Delivery], now: float, *, claims: int) -> tuple[Delivery, ...]:
        """Take in hints of suspect bundles; return those to pass on."""
        self._in_vain = self._in_vain + 1 if left and not claims else 0
        if self._in_vain >= _NOTHING:
            self._others_until = min(self._others_until, now)
        if not left:
            return ()
        if now < self._others_until:
            return tuple(map(_behind, left)) if self._in_vain >= _BEHIND else tuple(left)
        if self.waiting or self._since is not None:
            return tuple(left)
        self._kept, self._give_up_at = left[0], now + self._policy.lease
        return tuple(left[1:])

    def next(self, *, free: bool) -> Delivery | None:
        """Return the hint of a bundle to claim, once the agent is ``free``."""
        if self._kept is None or not free:
            return None
        kept, self._kept = self._kept, None
        return kept

    def give_up(self, now: float, *, stopping: bool) -> tuple[Delivery, ...]:
        """Return the hint to pass on when there is no room for too long, or the agent stops."""
        if self._kept is None or not (stopping or now >= self._give_up_at):
            return ()
        kept, self._kept = self._kept, None
        self._others_until = now + self._policy.lease
        return (kept,)

    def look(self, now: float, *, suspect: bool) -> None:
        """Take in whether a suspect bundle is held."""
        if suspect and self._since is None:
            self._since = now
        elif not suspect and self._since is not None:
            self._others_until, self._since = now + (now - self._since), None


def parted(deliveries: Sequence[Delivery]) -> tuple[list[Delivery], list[Delivery]]:
    """Return the hints whose bundles are to be claimed at once, and those of suspect bundles."""
    suspects = [delivery for delivery in deliveries if delivery.hint.suspect]
    return [delivery for delivery in deliveries if not delivery.hint.suspect], suspects


def _behind(delivery: Delivery) -> Delivery:
    return msgspec.structs.replace(delivery, hint=msgspec.structs.replace(delivery.hint, again=False))
