"""The function that is called: it captures much, and does nothing with it. Both sides' Python runs this."""

from collections.abc import Callable
from typing import Any

CALLS = 200
KINDS = ("array", "bytes")
_BYTES = 40_000_000


def capturing(kind: str) -> Callable[[int], int]:
    """Return a function that captures 40 MB: an array, or bytes."""
    data = _captured(kind)
    return lambda number: number + len(data)


def expected(kind: str) -> list[int]:
    """Return what its calls with 0, 1, … must return."""
    length = len(_captured(kind))
    return [number + length for number in range(CALLS)]


def _captured(kind: str) -> Any:
    if kind == "bytes":
        return bytes(_BYTES)
    import numpy as np  # noqa: PLC0415 - the other kind needs nothing

    return np.ones(_BYTES // 8)
