"""Measure Dask distributed: ``python -m benchmarks.peers.dask.measure``, by its own Python."""

import logging
from importlib.metadata import version

import dask
from distributed import Client, LocalCluster

from benchmarks.handlers import echo
from benchmarks.peers.measurement import Options, Payload, measure, options


def main() -> None:
    """Start a scheduler and workers, measure, and stop them."""
    asked = options()
    # Else few more tasks than a worker runs at once are with it at any time.
    dask.config.set({"distributed.scheduler.worker-saturation": float("inf")})
    with _cluster(asked) as cluster, Client(cluster) as client:

        def bulk(payloads: list[Payload]) -> list[Payload]:
            # Not pure: else equal payloads are one task.
            results: list[Payload] = client.gather(client.map(echo, payloads, pure=False))
            return results

        def trip(payload: Payload) -> Payload:
            result: Payload = client.submit(echo, payload, pure=False).result()
            return result

        measure(asked, version("distributed"), bulk, trip)


def _cluster(asked: Options) -> LocalCluster:
    return LocalCluster(
        n_workers=asked.workers,
        threads_per_worker=1,
        dashboard_address=None,
        local_directory=str(asked.folder),
        silence_logs=logging.ERROR,
    )


if __name__ == "__main__":
    main()
