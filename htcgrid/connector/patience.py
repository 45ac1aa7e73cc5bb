"""Asking a service again that cannot be reached for a moment."""

from collections.abc import Callable
from typing import TypeVar

from htcgrid.errors import ProviderUnavailableError
from htcgrid.host import Host
from htcgrid.model import defaults

_Answer = TypeVar("_Answer")
#: The first pause, and the longest: seconds.
_PAUSE = 0.05
_PAUSE_LIMIT = 2.0


def patiently(
    host: Host,
    call: Callable[[], _Answer],
    check: Callable[[], object],
    *,
    until: float | None = None,
    told: Callable[[Exception, float], object] | None = None,
) -> _Answer:
    """Return what ``call`` returns; while its service cannot be reached, repeat it, ever more slowly.

    For calls that may be repeated, on behalf of somebody who waits anyway: a service that restarts must not end an hour
    of work. ``check`` is called before each repetition, and raises when nobody waits any more; ``told`` gets the error,
    and for how many seconds the service could not be reached.

    Raises:
        ProviderUnavailableError: the service could not be reached for a minute, or it is later than ``until``
            (monotonic seconds).
    """
    began = host.monotonic()
    end = began + defaults.PATIENCE.total_seconds()
    pause = _PAUSE
    while True:
        try:
            return call()
        except ProviderUnavailableError as error:
            now = host.monotonic()
            if now + pause > (end if until is None else min(end, until)):
                raise
            if told is not None:
                told(error, now - began)
        host.sleep(pause)
        check()
        pause = min(_PAUSE_LIMIT, 2 * pause)
