"""Durations as users write them."""

from datetime import timedelta
from threading import TIMEOUT_MAX
from typing import overload

from htcgrid.errors import ConfigError


@overload
def duration(name: str, value: None) -> None: ...
@overload
def duration(name: str, value: object) -> timedelta: ...
def duration(name: str, value: object) -> timedelta | None:
    """Return a number of seconds as a timedelta; what is one, or None, is left as it is.

    Raises:
        ConfigError: it is neither; the message names the argument.
    """
    if value is None or isinstance(value, timedelta):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise ConfigError(f"{name} must be a number of seconds greater than 0, or a timedelta, not {value!r}")
    return timedelta(seconds=value)


def seconds_of(timeout: object) -> float | None:
    """Return how long to wait, in seconds; None for ever.

    Raises:
        ConfigError: ``timeout`` is no number of seconds of at least 0, no timedelta, and not None.
    """
    found = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not found >= 0:
        raise ConfigError(f"timeout must be a number of seconds of at least 0, or None, not {timeout!r}")
    # More than the operating system can wait is for ever.
    return float(found) if found <= TIMEOUT_MAX else None
