"""How far a process's clock may be from its store's: both have to agree on what is deleted, which never comes again."""

import time
from collections.abc import Sequence
from datetime import timedelta

from htcgrid.interfaces import Concern

#: Beyond this, one of the two is wrong: seconds.
_MOST = 3600.0


def clocks_agree(stores: float) -> bool:
    """Return whether this process's clock is within an hour of the store's: seconds since the epoch."""
    return abs(time.time() - stores) <= _MOST


def skew_concerns(stores: float) -> Sequence[Concern]:
    """Return the concern that this process's clock and the store's differ, when they do."""
    if clocks_agree(stores):
        return ()
    ahead = time.time() - stores
    by = timedelta(seconds=round(abs(ahead)))
    message = f"this process's clock is {by} {'ahead of' if ahead > 0 else 'behind'} the store's"
    return (
        Concern(
            message=f"{message}: sessions that are past their time are collected by nobody whose clock is so",
            advice="set the clocks by NTP, and start processes again that were given a clock of their own",
        ),
    )
