"""The standard streams of a process, as numbers."""

import os

_STANDARD = 3


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
