"""Measure dramatiq: ``python -m benchmarks.peers.dramatiq.measure``, by its own Python."""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from benchmarks.handlers import echo
from benchmarks.peers.measurement import Options, Payload, measure, options, running

#: The variable that tells the workers where Redis is.
_ADDRESS = "BENCHMARK_REDIS"
_MILLISECONDS = 600_000
#: Messages that a worker takes ahead; the default is twice its threads.
_PREFETCH = "100"


def main() -> None:
    """Start workers, measure, and stop them."""
    asked = options()
    with running(_workers(asked), asked.folder / "workers.log", _environment(asked)):
        os.environ[_ADDRESS] = asked.redis
        actor = broker()

        def bulk(payloads: list[Payload]) -> list[Payload]:
            group = dramatiq.group(actor.message(payload) for payload in payloads).run()
            return list(group.get_results(block=True, timeout=_MILLISECONDS))

        def trip(payload: Payload) -> Payload:
            result: Payload = actor.send(payload).get_result(block=True, timeout=_MILLISECONDS)
            return result

        measure(asked, version("dramatiq"), bulk, trip)


def broker() -> "dramatiq.Actor[[Payload], Payload]":
    """Set the broker of this process, a worker's too, and return the task."""
    address = os.environ[_ADDRESS]
    found = RedisBroker(url=address)
    found.add_middleware(Results(backend=RedisBackend(url=address)))
    dramatiq.set_broker(found)
    return dramatiq.actor(echo, store_results=True)


def _workers(asked: Options) -> list[str]:
    program = Path(sys.executable).with_name("dramatiq")
    return [str(program), "benchmarks.peers.dramatiq.measure:broker", "-p", str(asked.workers), "-t", "1"]


def _environment(asked: Options) -> dict[str, str]:
    return {_ADDRESS: asked.redis, "dramatiq_queue_prefetch": _PREFETCH}


if __name__ == "__main__":
    main()
