"""A store that holds very many tasks that have ended: whether it is as fast as an empty one."""

import os
import statistics
import time
from collections import deque
from collections.abc import Iterator

from benchmarks import measures
from benchmarks.grids import opened
from benchmarks.settings import Settings
from htcgrid import Grid
from htcgrid.bench.bench import Row
from htcgrid.bench.measures import PAYLOAD
from htcgrid.connector import SessionHandle

_TASKS, _SESSIONS, _LOOKS = 10_000_000, 10_000, 200
#: Sessions that are under way at once while the store is filled.
_FLIGHT = 8


def rows(kind: str, workers: int, settings: Settings) -> Iterator[Row]:
    """Yield the rate of 10,000 tasks on a filled store and on an empty one, in turns, and what a status takes."""
    with opened(kind, workers) as full, opened(kind, workers) as empty:
        some = _fill(full.grid, settings.of(_SESSIONS), _TASKS // _SESSIONS)
        # What the filling left to write is not what is measured.
        os.sync()
        grids = (empty.grid, full.grid)
        for grid in grids:
            measures.end_to_end(grid, 1000)
        pairs = [[measures.end_to_end(grid, settings.of(10_000)) for grid in grids] for _ in range(2 * settings.runs)]
        named = f"{_TASKS:,} finished tasks in {_SESSIONS:,} sessions"
        yield Row(f"{named}: 10,000 more", "tasks/s", [after for _, after in pairs])
        yield Row(f"{named}: 10,000 on an empty store", "tasks/s", [before for before, _ in pairs])
        rates = [statistics.median(side) for side in zip(*pairs, strict=True)]
        yield Row(f"{named}: of the rate of an empty one", "%", [100 * rates[1] / rates[0]])
        yield Row(f"{named}: status, p50", "ms", [_status(some) for _ in range(settings.runs)])
        yield Row(f"{named}: agent without workers", "MB", [measures.memory(full.agent)])


def _fill(grid: Grid, sessions: int, tasks: int) -> list[SessionHandle]:
    """Run sessions, as a client would; return some of them, of all ages."""
    flight: deque[SessionHandle] = deque()
    some = []
    for number in range(sessions):
        flight.append(grid.submit(measures.ECHO, [PAYLOAD] * tasks))
        if number % max(1, sessions // _LOOKS) == 0:
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
