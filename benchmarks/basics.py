"""What every client meets: rates, round trips, calls, workers at work, and what nothing costs."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks import measures
from benchmarks.grids import Measured
from benchmarks.settings import Settings
from htcgrid.bench.bench import LENGTHS, Row
from htcgrid.bench.measures import share, usage


def rates(on: Measured, settings: Settings) -> Iterator[Row]:
    """Yield rates of sessions of many tasks."""
    grid = on.grid
    measures.end_to_end(grid, 1000)
    for count in (10_000, 100_000):
        values = [measures.end_to_end(grid, settings.of(count)) for _ in range(settings.runs)]
        yield Row(f"{count:,} tasks", "tasks/s", values)
    yield Row("submit 100,000 tasks", "tasks/s", settings.each(lambda: measures.submission(grid, settings.of(100_000))))


def trips(on: Measured, settings: Settings) -> Iterator[Row]:
    """Yield round trips of one task, beside what a durable write takes on this disk."""
    yield Row("durable write of 4 KB (fsync)", "ms", settings.each(lambda: 1000 * measures.durable_write(on.folder)))
    found = [measures.round_trips(on.grid, settings.of(200)) for _ in range(settings.runs)]
    for percent in (50, 99):
        yield Row(f"one task there and back, p{percent}", "ms", [1000 * share(run, percent) for run in found])


def calls(on: Measured, settings: Settings) -> Iterator[Row]:
    """Yield rates and round trips of calls."""
    grid = on.grid
    yield Row("map of 100,000 calls", "calls/s", settings.each(lambda: measures.mapped(grid, settings.of(100_000))))
    for codec in ("json", "pickle"):
        found = [measures.calls(grid, settings.of(20_000), codec) for _ in range(settings.runs)]
        yield Row(f"executor, {codec}: submit alone", "calls/s", [submitted for submitted, _ in found])
        yield Row(f"executor, {codec}: 20,000 calls", "calls/s", [ended for _, ended in found])
        found_trips = [measures.call_round_trips(grid, settings.of(200), codec) for _ in range(settings.runs)]
        yield Row(f"executor, {codec}: one call, p50", "ms", [1000 * share(run, 50) for run in found_trips])


def lengths(on: Measured, settings: Settings) -> Iterator[Row]:
    """Yield the share of the workers' time that passes in tasks, for tasks that sleep."""
    for seconds in LENGTHS:
        count = on.workers * settings.of(10 / seconds)
        with ExitStack() as ending:
            shares = [100 * usage(on.grid, seconds, count, on.workers, ending).share for _ in range(settings.runs)]
        yield Row(f"workers at work, tasks of {seconds * 1000:g} ms", "%", shares)


def idle(on: Measured, settings: Settings) -> Iterator[Row]:
    """Yield what an agent, its workers and a client take that wait for tasks."""
    with on.grid.open_session(measures.ECHO) as session:
        watch = session.on_outcome(lambda _: None)
        yield Row(
            "idle agent, workers and waiting client",
            "% of a core",
            settings.each(lambda: _idle(on.agent, settings.of(20))),
        )
    watch.wait()


def _idle(agent: int, seconds: float) -> float:
    time.sleep(3)
    before, began = _used(agent), time.perf_counter()
    time.sleep(seconds)
    return 100 * (_used(agent) - before) / (time.perf_counter() - began)


def _used(agent: int) -> float:
    return measures.processor_time(agent) + time.process_time()
