"""What the measured tasks do."""

import time
from typing import Any


def echo(event: Any) -> Any:
    """Return what came."""
    return event


def nap(event: float) -> float:
    """Sleep for so many seconds; return how many that were, which is a little more."""
    began = time.perf_counter()
    time.sleep(event)
    return time.perf_counter() - began


def size(event: bytes) -> bytes:
    """Return the number of bytes, in decimal digits."""
    return b"%d" % len(event)
