"""The end of a worker that has nothing to do any more: modules' ``teardown()``."""

import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

from htcgrid_agent.runtimes.python.faults import users_frames


def tear_down(teardowns: list[tuple[str, Callable[[], object]]]) -> None:
    """Call them, the last one first, and show what they raise: the others are called all the same."""
    while teardowns:
        name, teardown = teardowns.pop()
        try:
            teardown()
        except BaseException as error:  # noqa: BLE001 - the user's code, and nobody is there to catch it
            # Whatever has become of the streams.
            with suppress(Exception):
                sys.stderr.write(f"teardown() of {name!r} raised {type(error).__name__}, and was ended:\n")
                traceback.print_exception(error.with_traceback(users_frames(error)))
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
