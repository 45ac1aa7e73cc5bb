"""Numbers and times as people say them."""

from collections.abc import Sequence
from datetime import timedelta

from htcgrid.model import BundleStatus, Ranges

#: Most letters of a sentence, which may hold the message of somebody's exception.
_LONG = 600
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def span(time: timedelta) -> str:
    """Return a time roughly, as ``0.4 s``, ``12 s``, ``3 min`` or ``2 h``."""
    seconds = time.total_seconds()
    for size, unit in _UNITS:
        # From two of a unit on, so that 90 s are no "1 min".
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s".replace(".0 s", " s")


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number of things, as ``1 task`` or ``2,000 tasks``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def tasks(indexes: Ranges) -> str:
    """Return tasks by their indexes, as ``task 17``, ``tasks 3–9`` or ``tasks 0–4, 7 and 9 more``."""
    spans = [(start, stop - 1) for start, stop in indexes.spans]
    shown = [str(first) if first == last else f"{first}–{last}" for first, last in spans[:3]]
    left = sum(last - first + 1 for first, last in spans[3:])
    return ("task " if indexes.count == 1 else "tasks ") + listed(shown, left)


def tasks_of(bundles: Sequence[BundleStatus]) -> str:
    """Return the tasks of bundles that have not ended, as ``tasks 3–9`` or ``12 tasks in 3 bundles``."""
    if len(bundles) == 1:
        return tasks(bundles[0].open)
    return f"{counted(sum(bundle.open.count for bundle in bundles), 'task')} in {counted(len(bundles), 'bundle')}"


def listed(words: Sequence[str], more: int = 0) -> str:
    """Return words as a list, as ``a``, ``a and b`` or ``a, b and 7 more``."""
    if more:
        return f"{', '.join(words)} and {more:,} more"
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def shortened(sentence: str) -> str:
    """Return a sentence without what few people read to its end."""
    return sentence if len(sentence) <= _LONG else f"{sentence[:_LONG]}…"
