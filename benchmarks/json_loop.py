"""What no grid on JSON can be faster than: processes that only decode a payload, call the handler and encode."""

import json
import multiprocessing
import time

from benchmarks.handlers import echo
from htcgrid.bench.measures import PAYLOAD


def rate(workers: int, count: int) -> float:
    """Return tasks per second of all workers together."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        # First one that is not counted, so that all have begun.
        pool.map(_rate, [1000] * workers, chunksize=1)
        return sum(pool.map(_rate, [count] * workers, chunksize=1))


def _rate(count: int) -> float:
    text = json.dumps(PAYLOAD).encode()
    began = time.perf_counter()
    for _ in range(count):
        json.dumps(echo(json.loads(text))).encode()
    return count / (time.perf_counter() - began)
