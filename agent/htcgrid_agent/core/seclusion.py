"""When a suspect bundle may have the agent to itself."""

from htcgrid.model import Delivery
from htcgrid_agent.core.policy import AgentPolicy

#: Looks in a row that find nothing but suspect bundles, until it is taken that there is nothing else.
_LOOKS = 16


class Seclusion:
    """Makes room for suspect bundles, one at a time, and sees that other work is done in between.

    Whatever is held beside a task that takes its agent along lapses with it. So a suspect bundle is claimed only by an
    agent that holds nothing, and alone: also thousands of them never lapse together. When it is over, others have the
    agent for as long as it had: suspect bundles take no more than half of a grid that has other work.
    """

    def __init__(self, policy: AgentPolicy) -> None:
        self._policy = policy
        #: Until then nothing is acquired while something is held.
        self._room_until = 0.0
        #: Until then suspect bundles are left to others, if there is anything else to do.
        self._others_until = 0.0
        #: Since when a suspect bundle is held.
        self._since: float | None = None
        #: Looks in a row that found nothing else.
        self._in_vain = 0

    def may_acquire(self, now: float, *, holding: bool) -> bool:
        """Return whether anything may be acquired."""
        return not holding or now >= self._room_until

    def may_claim(self, now: float, *, holding: bool) -> bool:
        """Return whether a suspect bundle may be claimed."""
        return not holding and now >= self._others_until

    def make_room(self, now: float) -> None:
        """Note that a suspect bundle waits for an agent that holds nothing."""
        self._room_until = now + self._policy.lease

    def answered(self, now: float, *, allowed: bool, left: int, claims: int) -> None:
        """Take in how many suspect bundles were left unclaimed; ``allowed``: one could have been claimed."""
        if allowed:
            self._room_until = 0.0
        self._in_vain = self._in_vain + 1 if left and not claims else 0
        if left and (now >= self._others_until or self._in_vain >= _LOOKS):
            self._others_until = min(self._others_until, now)
            self.make_room(now)

    def look(self, now: float, *, suspect: bool) -> None:
        """Take in whether a suspect bundle is held."""
        if suspect and self._since is None:
            self._since = now
        elif not suspect and self._since is not None:
            self._room_until, self._others_until = 0.0, now + (now - self._since)
            self._since = None


def parted(deliveries: list[Delivery], *, alone: bool) -> tuple[list[Delivery], list[Delivery]]:
    """Return the hints whose bundles are to be claimed, and those that are left to others.

    A suspect bundle is claimed only ``alone``, and then nothing else is.
    """
    suspects = [delivery for delivery in deliveries if delivery.hint.suspect]
    if alone and suspects:
        return suspects[:1], [delivery for delivery in deliveries if delivery is not suspects[0]]
    return [delivery for delivery in deliveries if not delivery.hint.suspect], suspects
