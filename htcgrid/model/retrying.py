"""What a retry policy is made of, as its users write it."""

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import TypeAlias

from htcgrid.errors import ConfigError
from htcgrid.model.script import MAIN, MAIN_TOO, script_home

#: A number is seconds.
Wait: TypeAlias = float | timedelta
#: Classes of exceptions, or their names.
Errors: TypeAlias = Iterable[str | type[BaseException]]

#: Most letters of a name.
_WORD = 200
#: The longest wait: seconds.
_LONGEST = 1e9


def wait_of(name: str, wait: object) -> timedelta:
    """Return a wait as a timedelta.

    Raises:
        ConfigError: it is none; the message names the field.
    """
    if isinstance(wait, timedelta) and wait >= timedelta(0):
        return wait
    number = isinstance(wait, int | float) and not isinstance(wait, bool) and math.isfinite(wait)
    if not number or not 0 <= wait <= _LONGEST:  # type: ignore[operator]
        raise ConfigError(f"retry {name} must be a number of seconds, or a timedelta, of zero or more, not {wait!r}")
    return timedelta(seconds=wait)  # type: ignore[arg-type]


def names_of(name: str, errors: object, *, most: int) -> tuple[str, ...]:
    """Return the names of exceptions that are given by class or by name.

    Raises:
        ConfigError: they are none; the message names the field.
    """
    if isinstance(errors, set | frozenset):
        # In one order, whatever the hashes of this process.
        errors = sorted(errors, key=str)
    if not isinstance(errors, list | tuple):
        one = isinstance(errors, type) and issubclass(errors, BaseException)
        listed = f": put the one into a list, as [{errors.__name__}]" if one else ""  # type: ignore[attr-defined]
        raise ConfigError(_wanted(name, errors) + listed)
    if len(errors) > most:
        raise ConfigError(f"retry {name} must have at most {most} exceptions, not {len(errors)}")
    return tuple(_name_of(name, error) for error in errors)


def _name_of(field: str, error: object) -> str:
    if isinstance(error, type):
        if not issubclass(error, BaseException):
            raise ConfigError(f"{_wanted(field, error)}, which is a class, but none of exceptions")
        error = _name_of_class(error)
    if not is_text(error, _WORD) or not all(part.isidentifier() for part in str(error).split(".")):
        raise ConfigError(_wanted(field, error))
    return str(error)


def _name_of_class(error: type[BaseException]) -> str:
    """Return the name that a worker knows it by; of one that is defined inside a function, its own alone."""
    module, name = error.__module__, error.__qualname__
    if module == "builtins" or "<" in name:
        return error.__name__
    home = script_home() if module in {MAIN, MAIN_TOO} else None
    # A script that is run by ``-m`` is imported as its module; another is ``__main__`` in its workers, too.
    found = home if home is not None and all(part.isidentifier() for part in home.split(".")) else module
    return f"{found}.{name}"


def _wanted(field: str, errors: object) -> str:
    return f"retry {field} must be a list of exceptions' classes or names, as [OSError, 'desk.Busy'], not {errors!r}"


def is_text(value: object, limit: int) -> bool:
    """Return whether this is a string of at most ``limit`` letters, all of which can be stored."""
    # Half of a surrogate pair, as Python makes of file names that are not UTF-8, cannot.
    return (
        isinstance(value, str) and len(value) <= limit and not any("\ud800" <= letter <= "\udfff" for letter in value)
    )
