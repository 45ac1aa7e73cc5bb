"""Durations as users write them."""

from datetime import timedelta
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
