"""Many clients at once, each with sessions of one task."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
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
    for flight in (16, 1):
        named = f"sessions of one task, {_CLIENTS} clients, {flight} in flight each"
        share = settings.of(_SESSIONS / _CLIENTS)
        yield Row(named, "tasks/s", [_rate(on, flight, share) for _ in range(settings.runs)])


def _rate(on: Measured, flight: int, share: int) -> float:
    context = get_context("spawn")
    # All begin once all have opened the grid and had a session, and end when the last does.
    barrier = context.Barrier(_CLIENTS + 1, timeout=600)
    clients = [context.Process(target=_sessions, args=(on.config, share, flight, barrier)) for _ in range(_CLIENTS)]
    for client in clients:
        client.start()
    barrier.wait()
    began = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - began
    for client in clients:
        client.join()
    return share * _CLIENTS / seconds


def _sessions(config: Path, count: int, flight: int, barrier: Barrier) -> None:
    """Run sessions of one task, each of a few threads one after the other."""
    with Grid.open(config) as grid, ThreadPoolExecutor(flight) as threads:
        numbers = iter(range(count))
        lock = threading.Lock()

        def session() -> None:
            assert grid.submit(measures.ECHO, [PAYLOAD]).results(timeout=600) == [PAYLOAD]

        def work() -> None:
            while True:
                with lock:
                    if next(numbers, None) is None:
                        return
                session()

        session()
        barrier.wait()
        for future in [threads.submit(work) for _ in range(flight)]:
            future.result()
        barrier.wait()
