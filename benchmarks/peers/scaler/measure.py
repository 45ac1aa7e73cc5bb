"""Measure OpenGRIS Scaler: ``python -m benchmarks.peers.scaler.measure``, by its own Python."""

from importlib.metadata import version

from scaler import Client, SchedulerClusterCombo

from benchmarks.handlers import echo
from benchmarks.peers.measurement import Payload, measure, options


def main() -> None:
    """Start a scheduler and workers, measure, and stop them."""
    asked = options()
    log = str(asked.folder / "scaler.log")
    cluster = SchedulerClusterCombo(n_workers=asked.workers, logging_level="WARNING", logging_paths=(log,))
    try:
        with Client(address=cluster.get_address()) as client:

            def bulk(payloads: list[Payload]) -> list[Payload]:
                results: list[Payload] = client.map(echo, payloads)
                return results

            def trip(payload: Payload) -> Payload:
                result: Payload = client.submit(echo, payload).result()
                return result

            measure(asked, version("opengris-scaler"), bulk, trip)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
