"""Ctrl-C, told in the lines of whoever pressed it.

The traceback of an interrupt shows where the user's program was. How the connector waits below that is of no use to
anybody: a dozen frames, three lines each, in which the one line that matters is not found. Errors keep theirs.
"""

import sys
from collections.abc import Callable, Generator
from functools import wraps
from typing import ParamSpec, TypeVar

from htcgrid.plain_text import plain

_P = ParamSpec("_P")
_T = TypeVar("_T")


def briefly(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let an interrupt leave a function with the traceback of its caller, and without what was under way below it."""

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except KeyboardInterrupt as interrupt:
            _shorten(interrupt)
            raise

    return call


def brief(items: Generator[_T, None, None]) -> Generator[_T, None, None]:
    """Yield from a generator; let an interrupt leave it as with :func:`briefly`."""
    try:
        yield from items
    except KeyboardInterrupt as interrupt:
        _shorten(interrupt)
        raise


def say(text: str) -> None:
    """Write a line to stderr, if that is possible."""
    try:
        sys.stderr.write(f"htcgrid: {plain(text)}\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        return


def program_was_interrupted() -> bool:
    """Return whether an interrupt that nobody caught has ended the program, whose exit this is.

    Python tells by that name what it has shown last. At a prompt, which goes on after it, it says nothing.
    """
    return isinstance(getattr(sys, "last_value", None), KeyboardInterrupt) and not hasattr(sys, "ps1")


def _shorten(interrupt: KeyboardInterrupt) -> None:
    # Raised again, it begins with the caller's frame. What it has interrupted, another interrupt as a rule, is history.
    interrupt.__traceback__ = None
    interrupt.__suppress_context__ = True
