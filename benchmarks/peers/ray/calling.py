"""What the two ways of Ray have in common."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import ray

from benchmarks.peers.measurement import Payload, measure, options

#: Calls the task of a number with a payload, and returns a reference to its result.
Call = Callable[[int, Payload], Any]


def measured(prepare: Callable[[int], Call]) -> None:
    """Start Ray, measure, and stop it; ``prepare`` takes the number of workers."""
    asked = options()
    ray.init(num_cpus=asked.workers, include_dashboard=False, log_to_driver=False)
    try:
        call = prepare(asked.workers)

        def bulk(payloads: list[Payload]) -> list[Payload]:
            results: list[Payload] = ray.get([call(number, payload) for number, payload in enumerate(payloads)])
            return results

        def trip(payload: Payload) -> Payload:
            result: Payload = ray.get(call(0, payload))
            return result

        measure(asked, version("ray"), bulk, trip)
    finally:
        ray.shutdown()
