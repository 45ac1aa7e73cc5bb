"""Measure Ray: ``python -m benchmarks.peers.ray.measure``, by its own Python: calls of actors, its fastest way."""

import ray

from benchmarks.handlers import echo
from benchmarks.peers.measurement import Payload
from benchmarks.peers.ray.calling import Call, measured


class Echo:
    """A worker that keeps its process."""

    def run(self, payload: Payload) -> Payload:
        """Return what came."""
        result: Payload = echo(payload)
        return result


def actors(workers: int) -> Call:
    """Start an actor for each worker; they are called in turn."""
    started = [ray.remote(num_cpus=1)(Echo).remote() for _ in range(workers)]
    return lambda number, payload: started[number % len(started)].run.remote(payload)


if __name__ == "__main__":
    measured(actors)
