"""How many descriptors an agent may have, and how many workers these are enough for."""

import resource
from contextlib import suppress
from pathlib import Path

from htcgrid.errors import ConfigError

#: What an agent with one worker takes, and what each other worker takes beside it. So many are there where the limit
#: can be raised; at the least, some fewer will do.
_AGENT, _WORKER = 64, 8
_LEAST = 30


def workers_within_descriptors(workers: int) -> int:
    """Return how many workers, of those that are wanted, this process has descriptors for; raise its limit if it can.

    Raises:
        ConfigError: there are too few for an agent with one worker.
    """
    opened = sum(1 for _ in Path("/dev/fd").iterdir()) - 1
    limit = _raised(opened + _AGENT + _WORKER * workers)
    if limit is None:
        return workers
    free = limit - opened
    if free < _LEAST:
        raise ConfigError(
            f"too few descriptors: this process may have {limit}, of which {free} are free, and an agent takes "
            f"{_LEAST} with one worker, and {_WORKER} more for each other: raise their limit, which 'ulimit -n' sets"
        )
    return min(workers, 1 + (free - _LEAST) // _WORKER)


def _raised(wanted: int) -> int | None:
    """Raise the limit to as many descriptors as are wanted, as far as this user may; return it, None for no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
