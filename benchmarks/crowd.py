"""Many clients at once, each with sessions of one task."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

from benchmarks import measures
from benchmarks.grids import Measured
from benchmarks.settings import Settings
from htcgrid import Grid
from htcgrid.bench.bench import Row
from htcgrid.bench.measures import PAYLOAD

_CLIENTS, _SESSIONS = 8, 10_000


def rows(on: Measured, settings: Settings) -> Iterator[Row]:
    """Yield how many sessions of one task end in a second, of all clients together, and what each costs."""
    for flight in (16, 1):
        named = f"sessions of one task, {_CLIENTS} clients, {flight} in flight each"
        share = settings.of(_SESSIONS / _CLIENTS)
        found = [_crowd(on, flight, share) for _ in range(settings.runs)]
        yield Row(named, "tasks/s", [crowd.rate for crowd in found])
        yield Row(f"{flight} in flight: processor time of clients for each", "ms", [crowd.clients for crowd in found])
        yield Row(f"{flight} in flight: of agent and workers for each", "ms", [crowd.agent for crowd in found])


class _Crowd(NamedTuple):
    """Sessions in a second, from submit to the result, and the milliseconds that each took of the processors."""

    rate: float
    clients: float
    agent: float


def _crowd(on: Measured, flight: int, share: int) -> _Crowd:
    context = get_context("spawn")
    # All begin once all have opened the grid and had a session, and end when the last does.
    barrier = context.Barrier(_CLIENTS + 1, timeout=600)
    used = context.SimpleQueue()
    arguments = (on.config, share, flight, barrier, used)
    clients = [context.Process(target=_sessions, args=arguments) for _ in range(_CLIENTS)]
    for client in clients:
        client.start()
    barrier.wait()
    began, before = time.perf_counter(), measures.processor_time(on.agent)
    barrier.wait()
    seconds, agent = time.perf_counter() - began, measures.processor_time(on.agent) - before
    count = share * _CLIENTS
    own = sum(used.get() for _ in clients)
    for client in clients:
        client.join()
    return _Crowd(count / seconds, 1000 * own / count, 1000 * agent / count)


def _sessions(config: Path, count: int, flight: int, barrier: Barrier, used: "SimpleQueue[float]") -> None:
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
        before = time.process_time()
        for future in [threads.submit(work) for _ in range(flight)]:
            future.result()
        used.put(time.process_time() - before)
        barrier.wait()
