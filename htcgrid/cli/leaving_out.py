"""What a listing leaves out since it cannot be read: told after the rest, and by the exit status."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from htcgrid.cli.exits import Exit
from htcgrid.cli.say import say
from htcgrid.errors import UnreadableError

#: Most of what is left out that is told by name.
_NAMED = 20


@contextmanager
def leaving_out() -> Iterator[Callable[[UnreadableError], None]]:
    """Yield what takes errors; at the end of the block they are told, and the command ends with a status of its own."""
    errors: list[UnreadableError] = []
    # It would be told twice.
    logger = logging.getLogger("htcgrid.unreadables")
    silent = logging.NullHandler()
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(silent)
    try:
        yield errors.append
    finally:
        logger.removeHandler(silent)
        logger.propagate = propagates
    if not errors:
        return
    for error in errors[:_NAMED]:
        say(f"htcgrid: left out: {error}", err=True)
    if len(errors) > _NAMED:
        say(f"htcgrid: left out: {len(errors) - _NAMED} more", err=True)
    raise click.exceptions.Exit(Exit.UNREADABLE)
