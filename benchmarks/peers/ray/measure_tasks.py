"""Measure Ray's tasks: ``python -m benchmarks.peers.ray.measure_tasks``, by its own Python."""

from importlib.metadata import version

import ray

from benchmarks.handlers import echo
from benchmarks.peers.measurement import Payload, measure, options


def main() -> None:
    """Start Ray, measure, and stop it."""
    asked = options()
    ray.init(num_cpus=asked.workers, include_dashboard=False, log_to_driver=False)
    try:
        task = ray.remote(num_cpus=1, enable_task_events=False)(echo)

        def bulk(payloads: list[Payload]) -> list[Payload]:
            results: list[Payload] = ray.get([task.remote(payload) for payload in payloads])
            return results

        def trip(payload: Payload) -> Payload:
            result: Payload = ray.get(task.remote(payload))
            return result

        measure(asked, version("ray"), bulk, trip)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
