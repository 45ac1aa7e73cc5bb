"""Many clients at once, each with sessions of one task."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path

from benchmarks import measures
from benchmarks.grids import Measured
from benchmarks.settings import Settings
from htcgrid import Grid
from htcgrid.bench.bench import Row
from htcgrid.bench.measures import PAYLOAD

_CLIENTS, _SESSIONS = 8, 10_000


def rows(on: Measured, settings: Settings) -> Iterator[Row]:
    """Yield how many sessions of one task end in a second, from submit to the result, of all clients together."""
    with get_context("spawn").Pool(_CLIENTS) as pool:
        for flight in (16, 1):
            named = f"sessions of one task, {_CLIENTS} clients, {flight} in flight each"
            yield Row(
                named,
                "tasks/s",
                [_rate(on, pool, flight, settings.of(_SESSIONS / _CLIENTS)) for _ in range(settings.runs)],
            )


def _rate(on: Measured, pool: Pool, flight: int, share: int) -> float:
    pool.starmap(_sessions, [(on.config, flight, flight)] * _CLIENTS, chunksize=1)
    began = time.perf_counter()
    pool.starmap(_sessions, [(on.config, share, flight)] * _CLIENTS, chunksize=1)
    return share * _CLIENTS / (time.perf_counter() - began)


def _sessions(config: Path, count: int, flight: int) -> None:
    """Run sessions of one task, each of a few threads one after the other."""
    with Grid.open(config) as grid, ThreadPoolExecutor(flight) as threads:
        numbers = iter(range(count))
        lock = threading.Lock()

        def work() -> None:
            while True:
                with lock:
                    if next(numbers, None) is None:
                        return
                assert grid.submit(measures.ECHO, [PAYLOAD]).results(timeout=600) == [PAYLOAD]

        for future in [threads.submit(work) for _ in range(flight)]:
            future.result()
