"""An urgent session beside one of a million tasks."""

import time
from collections.abc import Iterator

from benchmarks import measures
from benchmarks.grids import Measured
from benchmarks.settings import Settings
from htcgrid.bench.bench import Row
from htcgrid.bench.measures import PAYLOAD, share
from htcgrid.bench.work import NAP

_TASKS, _URGENT = 1_000_000, 20


def rows(on: Measured, settings: Settings) -> Iterator[Row]:
    """Yield how long a lone task of the highest priority takes while less urgent ones run, of each length.

    It is to wait for less than one of those, and not for all that are under way.
    """
    for seconds in (0.0, 0.01, 0.1):
        trips = sorted(trip for _ in range(settings.runs) for trip in _trips(on, seconds, settings))
        named = f"urgent task beside {_TASKS:,} of {seconds * 1000:g} ms"
        for percent in (50, 100):
            yield Row(f"{named}, p{percent}", "ms", [1000 * share(trips, percent)])


def _trips(on: Measured, seconds: float, settings: Settings) -> list[float]:
    low = on.grid.submit(NAP, (seconds for _ in range(_TASKS)), priority=0)
    trips = []
    try:
        if seconds:
            # Of the shortest, all would have ended by then.
            low.submitted()
        while low.status().succeeded == 0:
            time.sleep(0.05)
        for _ in range(settings.of(_URGENT)):
            time.sleep(0.1)
            began = time.perf_counter()
            on.grid.submit(measures.ECHO, [PAYLOAD], priority=3).results(timeout=60)
            trips.append(time.perf_counter() - began)
        before = low.status().succeeded
        time.sleep(1)
        after = low.status()
        assert after.succeeded > before or after.finished, "the less urgent session does not go on"
    finally:
        low.cancel()
    return trips
