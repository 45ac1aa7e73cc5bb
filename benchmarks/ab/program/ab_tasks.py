"""What the measured tasks do."""

from typing import Any


def echo(event: Any) -> Any:
    """Return what came."""
    return event
