"""How quick something is on a machine that may be busy with other things."""

from collections.abc import Callable


def quickest(measure: Callable[[], float], limit: float, times: int = 20) -> float:
    """Return the least of some measures, in seconds; none is taken after one that is within the limit.

    A busy machine makes any one of them slow, and never makes one quick that isn't.
    """
    least = measure()
    while least >= limit and times > 1:
        least, times = min(least, measure()), times - 1
    return least
