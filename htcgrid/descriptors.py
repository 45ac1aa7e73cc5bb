"""The descriptors of a process: the numbers of its standard streams, and too few of others."""

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from htcgrid.errors import ProviderUnavailableError

_STANDARD = 3
#: What SQLite opens for one connection: the database, its log and the log's index.
_DATABASE = 3
_FEW = frozenset({errno.EMFILE, errno.ENFILE})
#: What to do about it.
RAISE_LIMIT = "raise the limit of descriptors, which 'ulimit -n' sets"


def hold_standard_streams() -> None:
    """Leave no number of a standard stream free: whatever this process opens from now on has a higher one.

    What a library in C prints would else go into a socket or a database that got the number of a stream that somebody
    had closed. Children find the stream closed, as they did before. Costs three system calls.
    """
    for number in range(_STANDARD):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is what is opened (open(2)).
            os.open(os.devnull, os.O_RDWR)


def is_of_few(error: OSError) -> bool:
    """Return whether something failed for want of descriptors."""
    return error.errno in _FEW


@contextmanager
def few_descriptors_told() -> Iterator[None]:
    """Let what fails for want of descriptors say so, and what to do.

    Raises:
        ProviderUnavailableError: it failed for that.
    """
    try:
        yield
    except OSError as error:
        if is_of_few(error):
            raise too_few(error) from error
        raise


def too_few(error: OSError) -> ProviderUnavailableError:
    """Return the error that something failed for want of descriptors, and what to do."""
    return ProviderUnavailableError(f"this process has too few descriptors: {error}; {RAISE_LIMIT}")


def few_are_free() -> bool:
    """Return whether a database could not be opened for want of descriptors, which SQLite does not tell."""
    with ExitStack() as opened:
        try:
            for _ in range(_DATABASE):
                opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            return is_of_few(error)
    return False
