"""Measure Ray: ``python -m benchmarks.peers.ray.measure``, by its own Python: calls of actors, its fastest way."""

from importlib.metadata import version

import ray

from benchmarks.handlers import echo
from benchmarks.peers.measurement import Payload, measure, options


class Echo:
    """A worker that keeps its process."""

    def run(self, payload: Payload) -> Payload:
        """Return what came."""
        result: Payload = echo(payload)
        return result


def main() -> None:
    """Start Ray and an actor for each worker, measure, and stop it."""
    asked = options()
    ray.init(num_cpus=asked.workers, include_dashboard=False, log_to_driver=False)
    try:
        actors = [ray.remote(num_cpus=1)(Echo).remote() for _ in range(asked.workers)]

        def bulk(payloads: list[Payload]) -> list[Payload]:
            calls = [actors[number % len(actors)].run.remote(payload) for number, payload in enumerate(payloads)]
            results: list[Payload] = ray.get(calls)
            return results

        def trip(payload: Payload) -> Payload:
            result: Payload = ray.get(actors[0].run.remote(payload))
            return result

        measure(asked, version("ray"), bulk, trip)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
