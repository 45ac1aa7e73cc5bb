"""Measure Celery: ``python -m benchmarks.peers.celery.measure``, by its own Python."""

import os
import sys
from importlib.metadata import version
from typing import Any

import celery

from benchmarks.handlers import echo
from benchmarks.peers.measurement import Options, Payload, measure, options, running

#: The variable that tells the workers where Redis is.
_ADDRESS = "BENCHMARK_REDIS"


def main() -> None:
    """Start workers, measure, and stop them."""
    asked = options()
    os.environ[_ADDRESS] = asked.redis
    with running(_workers(asked), asked.folder / "workers.log"):
        _, task = application()

        def bulk(payloads: list[Payload]) -> list[Payload]:
            results: list[Payload] = celery.group(task.s(payload) for payload in payloads).apply_async().get()
            return results

        def trip(payload: Payload) -> Payload:
            result: Payload = task.delay(payload).get()
            return result

        measure(asked, version("celery"), bulk, trip)


def application() -> tuple[celery.Celery, Any]:
    """Return the application, a worker's too, and the task."""
    address = os.environ[_ADDRESS]
    app = celery.Celery("benchmark", broker=address, backend=address)
    app.conf.worker_prefetch_multiplier = 128
    app.conf.worker_send_task_events = False
    return app, app.task(echo, name="echo")


def _workers(asked: Options) -> list[str]:
    command = [sys.executable, "-m", "celery", "-A", "benchmarks.peers.celery.worker", "worker"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
    return [*command, "--concurrency", str(asked.workers), *quiet]


if __name__ == "__main__":
    main()
