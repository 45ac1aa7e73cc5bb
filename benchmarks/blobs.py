"""Large payloads, beside files that are written and read."""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.grids import Measured
from benchmarks.settings import Settings
from htcgrid.bench.bench import Row

_COUNT, _BYTES = 2000, 1_000_000


def rows(on: Measured, settings: Settings) -> Iterator[Row]:
    """Yield the bytes that go through a grid in a second, and through plain files: written once, and read once."""
    grids, files, durable = [], [], []
    count = settings.of(_COUNT)
    # All are deleted at the end: ext4 looks long for an inode while many were deleted minutes ago, for either.
    with tempfile.TemporaryDirectory(dir=on.folder) as folder:
        for run in range(settings.runs):
            files.append(_files(Path(folder) / f"plain-{run}", count))
            durable.append(_files(Path(folder) / f"durable-{run}", count, durable=True))
            grids.append(_payloads(on, count))
    named = f"{_COUNT:,} payloads of {_BYTES / 1e6:g} MB"
    yield Row(f"{named}, submit to last result", "MB/s", grids)
    yield Row("the same in plain files, written and read", "MB/s", files)
    yield Row("in plain files that are durable, as in a grid", "MB/s", durable)
    yield Row(f"{named}: of plain files", "%", _shares(grids, files))
    yield Row(f"{named}: of plain files that are durable", "%", _shares(grids, durable))


def _shares(some: list[float], others: list[float]) -> list[float]:
    return [100 * one / other for one, other in zip(some, others, strict=True)]


def _content(count: int) -> Iterator[bytes]:
    seed = os.urandom(_BYTES)
    # No two are alike, as with payloads that are worth sending.
    return (number.to_bytes(8) + seed[8:] for number in range(count))


def _payloads(on: Measured, count: int) -> float:
    _settle()
    began = time.perf_counter()
    session = on.grid.submit("benchmarks.handlers:size", _content(count), codec="bytes")
    assert sum(int(outcome.value) for outcome in session.outcomes(timeout=1200)) == count * _BYTES
    return count * _BYTES / 1e6 / (time.perf_counter() - began)


def _files(folder: Path, count: int, *, durable: bool = False) -> float:
    folder.mkdir()
    _settle()
    began = time.perf_counter()
    for number, data in enumerate(_content(count)):
        with (folder / str(number)).open("wb", buffering=0) as file:
            file.write(data)
            if durable:
                os.fsync(file.fileno())
    assert sum(len((folder / str(number)).read_bytes()) for number in range(count)) == count * _BYTES
    return count * _BYTES / 1e6 / (time.perf_counter() - began)


def _settle() -> None:
    """Let nobody's turn pay for what the one before has left to be written."""
    os.sync()
