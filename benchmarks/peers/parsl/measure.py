"""Measure Parsl: ``python -m benchmarks.peers.parsl.measure``, by its own Python."""

from importlib.metadata import version

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

from benchmarks.handlers import echo
from benchmarks.peers.measurement import Options, Payload, measure, options


def main() -> None:
    """Start Parsl, measure, and stop it."""
    asked = options()
    with parsl.load(_config(asked)):
        app = parsl.python_app(echo)

        def bulk(payloads: list[Payload]) -> list[Payload]:
            futures = [app(payload) for payload in payloads]
            return [future.result() for future in futures]

        def trip(payload: Payload) -> Payload:
            result: Payload = app(payload).result()
            return result

        measure(asked, version("parsl"), bulk, trip)


def _config(asked: Options) -> Config:
    executor = HighThroughputExecutor(
        address="127.0.0.1",
        max_workers_per_node=asked.workers,
        cores_per_worker=1,
        # Its documentation: 0 for few or long tasks. With 100, a third more short tasks than with 0.
        prefetch_capacity=100,
        provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
    )
    folder = str(asked.folder / "runinfo")
    return Config(executors=[executor], strategy="none", initialize_logging=False, run_dir=folder)


if __name__ == "__main__":
    main()
