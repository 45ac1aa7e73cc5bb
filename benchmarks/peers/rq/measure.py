"""Measure RQ: ``python -m benchmarks.peers.rq.measure``, by its own Python."""

import sys
from importlib.metadata import version
from pathlib import Path

import rq
from redis import Redis

from benchmarks.handlers import echo
from benchmarks.peers.measurement import Options, Payload, measure, options, running

_QUEUE = "echo"
_SECONDS = 600


def main() -> None:
    """Start workers, measure, and stop them."""
    asked = options()
    with running(_workers(asked), asked.folder / "workers.log"), Redis.from_url(asked.redis) as connection:
        queue = rq.Queue(_QUEUE, connection=connection)

        def bulk(payloads: list[Payload]) -> list[Payload]:
            # With a description, else RQ writes one from the arguments.
            jobs = [rq.Queue.prepare_data(echo, args=(payload,), description=_QUEUE) for payload in payloads]
            return [job.latest_result(timeout=_SECONDS).return_value for job in queue.enqueue_many(jobs)]

        def trip(payload: Payload) -> Payload:
            job = queue.enqueue(echo, payload, description=_QUEUE)
            result: Payload = job.latest_result(timeout=_SECONDS).return_value
            return result

        measure(asked, version("rq"), bulk, trip)


def _workers(asked: Options) -> list[str]:
    program = str(Path(sys.executable).with_name("rq"))
    words = ["--url", asked.redis, "--num-workers", str(asked.workers), "--worker-class", "rq.SimpleWorker"]
    return [program, "worker-pool", *words, "--logging-level", "WARNING", _QUEUE]


if __name__ == "__main__":
    main()
