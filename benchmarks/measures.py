"""What is measured; each function takes an open grid and returns one number."""

import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from htcgrid import Grid
from htcgrid.bench.measures import PAYLOAD

ECHO = "benchmarks.handlers:echo"


def payloads(count: int) -> Iterator[dict[str, object]]:
    """Yield as many payloads."""
    for _ in range(count):
        # No serializer meets the same one twice.
        yield dict(PAYLOAD)


def end_to_end(grid: Grid, count: int) -> float:
    """Return tasks per second from the start of submit to the last result fetched."""
    began = time.perf_counter()
    results = grid.submit(ECHO, payloads(count)).results(timeout=600)
    seconds = time.perf_counter() - began
    assert len(results) == count
    return count / seconds


def submission(grid: Grid, count: int) -> float:
    """Return tasks per second of submit alone, while the agent is at work."""
    # A list: all its tasks are accepted when submit returns, while a generator's are submitted beside the caller.
    tasks = list(payloads(count))
    began = time.perf_counter()
    session = grid.submit(ECHO, tasks)
    seconds = time.perf_counter() - began
    session.wait(timeout=600)
    return count / seconds


def round_trips(grid: Grid, count: int) -> list[float]:
    """Return the sorted seconds that sessions of one task took, one after the other."""
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        grid.submit(ECHO, [PAYLOAD]).results(timeout=60)
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)


def calls(grid: Grid, count: int, codec: str) -> tuple[float, float]:
    """Return calls per second that an executor takes, and from the first submit to the last result."""
    with grid.executor(codec=codec) as executor:
        executor.submit(abs, -1).result(timeout=60)
        began = time.perf_counter()
        futures = [executor.submit(abs, -number) for number in range(count)]
        submitted = time.perf_counter() - began
        assert sum(future.result(timeout=600) for future in futures) == count * (count - 1) // 2
        return count / submitted, count / (time.perf_counter() - began)


def call_round_trips(grid: Grid, count: int, codec: str) -> list[float]:
    """Return the sorted seconds that calls took, one after the other."""
    seconds = []
    with grid.executor(codec=codec) as executor:
        executor.submit(abs, -1).result(timeout=60)
        for number in range(count):
            began = time.perf_counter()
            executor.submit(abs, -number).result(timeout=60)
            seconds.append(time.perf_counter() - began)
    return sorted(seconds)


def mapped(grid: Grid, count: int) -> float:
    """Return calls per second of a map, from its first item to its last result."""
    began = time.perf_counter()
    assert sum(grid.map(abs, range(-count, 0))) == count * (count + 1) // 2
    return count / (time.perf_counter() - began)


def durable_write(folder: Path, count: int = 100) -> float:
    """Return the median seconds of an fsync of 4 KB: what no durable grid on this disk can be faster than."""
    seconds = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(count):
            file.seek(0)
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def memory(pid: int) -> float:
    """Return the resident megabytes of a process at their highest."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def processor_time(agent: int) -> float:
    """Return the seconds of processor time of a process and its children."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            facts = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if agent in {int(stat.parent.name), int(facts[1])}:
            ticks += int(facts[11]) + int(facts[12])
    return ticks / os.sysconf("SC_CLK_TCK")
