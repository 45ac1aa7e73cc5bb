"""Measure taskiq: ``python -m benchmarks.peers.taskiq.measure``, by its own Python."""

import asyncio
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import taskiq
import uvloop
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from benchmarks.handlers import echo
from benchmarks.peers.measurement import Options, Payload, measure, options, running

#: The variable that tells the workers where Redis is.
_ADDRESS = "BENCHMARK_REDIS"
#: How many tasks the client sends, or asks about, at once.
_AT_ONCE = 100


def main() -> None:
    """Start workers, measure, and stop them."""
    asked = options()
    os.environ[_ADDRESS] = asked.redis
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = broker()
        # Before the workers: whoever is first makes the group of consumers, which sees what comes later.
        runner.run(found.startup())
        task = found.find_task("echo")
        with running(_workers(asked), asked.folder / "workers.log"):
            measure(
                asked,
                version("taskiq"),
                lambda payloads: runner.run(_bulk(task, payloads)),
                lambda payload: runner.run(_trip(task, payload)),
            )
        runner.run(found.shutdown())


def broker() -> taskiq.AsyncBroker:
    """Return a broker, a worker's too, that knows the task."""
    address = os.environ[_ADDRESS]
    results: Any = RedisAsyncResultBackend(redis_url=address, keep_results=False)
    found = RedisStreamBroker(url=address).with_result_backend(results)
    found.register_task(_echo, "echo")
    return found


async def _echo(payload: Payload) -> Payload:
    # A coroutine: a function would be run in a thread.
    result: Payload = echo(payload)
    return result


async def _bulk(task: Any, payloads: list[Payload]) -> list[Payload]:
    sent = []
    for some in _groups(payloads):
        sent += await asyncio.gather(*(task.kiq(payload) for payload in some))
    results = []
    for some in _groups(sent):
        # The last first: once it is there, most others are, and few ask in vain.
        last = await some[-1].wait_result(check_interval=0.005)
        ended = await asyncio.gather(*(one.wait_result(check_interval=0.005) for one in some[:-1]))
        results += [result.return_value for result in (*ended, last)]
    return results


async def _trip(task: Any, payload: Payload) -> Payload:
    sent = await task.kiq(payload)
    result: Payload = (await sent.wait_result(check_interval=0.001)).return_value
    return result


def _groups(items: list[Any]) -> list[list[Any]]:
    return [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)]


def _workers(asked: Options) -> list[str]:
    program = str(Path(sys.executable).with_name("taskiq"))
    words = ["--workers", str(asked.workers), "--max-async-tasks", "1", "--max-prefetch", "100"]
    return [program, "worker", "benchmarks.peers.taskiq.measure:broker", *words, "--log-level", "WARNING"]


if __name__ == "__main__":
    main()
