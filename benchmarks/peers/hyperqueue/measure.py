"""Measure HyperQueue: ``python -m benchmarks.peers.hyperqueue.measure``, by its own Python."""

import json
import tempfile
from importlib.metadata import version
from pathlib import Path

from hyperqueue import Client, Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

from benchmarks.peers.measurement import Payload, measure, options


def main() -> None:
    """Start a server and a worker with as many cores, measure, and stop them."""
    asked = options()
    with LocalCluster(str(asked.folder / "server"), WorkerConfig(cores=asked.workers)) as cluster:
        client = cluster.client()

        def bulk(payloads: list[Payload]) -> list[Payload]:
            return _bulk(client, asked.folder, payloads)

        measure(asked, version("hyperqueue"), bulk, lambda payload: bulk([payload])[0])


def _bulk(client: Client, folder: Path, payloads: list[Payload]) -> list[Payload]:
    """Run a program for each payload; its input is the payload, and its output, a file, is the result."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        outputs = [Path(name) / str(number) for number in range(len(payloads))]
        job = Job(default_workdir=name)
        for payload, output in zip(payloads, outputs, strict=True):
            job.program(["/bin/cat"], stdin=json.dumps(payload), stdout=str(output), stderr=None)
        client.wait_for_jobs([client.submit(job)])
        return [json.loads(output.read_bytes()) for output in outputs]


if __name__ == "__main__":
    main()
