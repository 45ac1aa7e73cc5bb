"""A store that holds very many tasks that have ended: whether it is as fast as an empty one."""

import statistics
import time
from collections import deque
from collections.abc import Iterator

from benchmarks import measures
from benchmarks.grids import opened
from htcgrid import Grid
from htcgrid.bench.bench import Row
from htcgrid.bench.measures import PAYLOAD
from htcgrid.connector import SessionHandle

_SESSIONS, _LOOKS = 10_000, 200
#: Sessions that are under way at once while the store is filled.
_FLIGHT = 8


def rows(kind: str, workers: int, tasks: int, runs: int) -> Iterator[Row]:
    """Yield the rate of 10,000 tasks before and after a store was filled, and how long a status takes then."""
    with opened(kind, workers) as on:
        before = _rates(on.grid, runs)
        some = _fill(on.grid, tasks // _SESSIONS)
        after = _rates(on.grid, runs)
        named = f"{tasks:,} finished tasks in {_SESSIONS:,} sessions"
        yield Row(f"{named}: 10,000 tasks before", "tasks/s", before)
        yield Row(f"{named}: 10,000 tasks after", "tasks/s", after)
        shares = [100 * rate / statistics.median(before) for rate in after]
        yield Row(f"{named}: of the rate before", "%", shares)
        yield Row(f"{named}: status, p50", "ms", [_status(some) for _ in range(runs)])
        yield Row(f"{named}: agent without workers", "MB", [measures.memory(on.agent)])


def _rates(grid: Grid, runs: int) -> list[float]:
    measures.end_to_end(grid, 1000)
    return [measures.end_to_end(grid, 10_000) for _ in range(runs)]


def _fill(grid: Grid, tasks: int) -> list[SessionHandle]:
    """Run sessions, as a client would; return some of them, of all ages."""
    flight: deque[SessionHandle] = deque()
    some = []
    for number in range(_SESSIONS):
        flight.append(grid.submit(measures.ECHO, [PAYLOAD] * tasks))
        if number % (_SESSIONS // _LOOKS) == 0:
            some.append(flight[-1])
        if len(flight) == _FLIGHT:
            flight.popleft().wait(timeout=600)
    for session in flight:
        session.wait(timeout=600)
    return some


def _status(sessions: list[SessionHandle]) -> float:
    """Return the median milliseconds of a look at a session."""
    seconds = []
    for session in sessions:
        began = time.perf_counter()
        session.status()
        seconds.append(time.perf_counter() - began)
    return 1000 * statistics.median(seconds)
