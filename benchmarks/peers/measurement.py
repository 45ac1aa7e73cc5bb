"""What the measurements of all peers have in common. A peer's Python runs it, so it needs nothing but the language."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

#: The payload of htcgrid/bench/measures.py, 120 bytes as JSON, which a test holds equal: that file needs htcgrid.
PAYLOAD = {"trade": "option", "strike": 8.0, "underlying": 7.0, "volatility": 0.1, "rate": 0.05, "note": "x" * 33}
#: Tasks and trips that are run before anything is measured.
_WARM_TASKS, _WARM_TRIPS = 500, 20
#: How long a process may take to end by itself: seconds.
_PATIENCE = 10.0

Payload = dict[str, Any]


class Options(NamedTuple):
    """What a measurement is told."""

    tasks: int
    trips: int
    workers: int
    #: The address of a Redis of its own.
    redis: str
    #: A folder for whatever it writes; whoever started it removes the folder.
    folder: Path


def options() -> Options:
    """Return the options of the command line, and have a request to terminate end this process in good order."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, required=True)
    parser.add_argument("--trips", type=int, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--redis", default="")
    parser.add_argument("--folder", type=Path, required=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # What peers and their workers print goes to stderr: the numbers are alone on stdout.
    sys.stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return Options(**vars(parser.parse_args()))


def measure(
    asked: Options, version: str, bulk: Callable[[list[Payload]], list[Payload]], trip: Callable[[Payload], Payload]
) -> None:
    """Warm up, measure, and print the numbers as one line of JSON.

    ``bulk`` submits a task for each payload and returns all results in the same order; ``trip`` does so for one.
    """
    checked(bulk, _WARM_TASKS)
    for _ in range(min(_WARM_TRIPS, asked.trips)):
        assert trip(dict(PAYLOAD)) == PAYLOAD
    seconds = checked(bulk, asked.tasks)
    trips = []
    for _ in range(asked.trips):
        began = time.perf_counter()
        result = trip(dict(PAYLOAD))
        trips.append(time.perf_counter() - began)
        assert result == PAYLOAD
    print(json.dumps({"version": version, "bulk": seconds, "trips": trips}), flush=True)


def checked(bulk: Callable[[list[Payload]], list[Payload]], count: int) -> float:
    """Return the seconds from the start of submit to the last result, all of which are as they must be."""
    # As many objects, so that no serializer meets the same one twice.
    payloads = [dict(PAYLOAD) for _ in range(count)]
    began = time.perf_counter()
    results = bulk(payloads)
    seconds = time.perf_counter() - began
    assert len(results) == count
    assert all(result == PAYLOAD for result in results)
    return seconds


@contextlib.contextmanager
def running(command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """Start a program, and end it."""
    with (
        log.open("ab") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
