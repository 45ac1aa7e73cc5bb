"""What the measured tasks do."""

from typing import Any


def echo(event: Any) -> Any:
    """Return what came."""
    return event


def size(event: bytes) -> bytes:
    """Return the number of bytes, in decimal digits."""
    return b"%d" % len(event)
