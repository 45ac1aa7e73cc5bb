"""8,000,000 doubles through the default codec, beside a copy through a file: ``python -m benchmarks.arrays``.

Prints the medians of both and of their ratio, run by run. A copy through a file is ``numpy.save`` and ``numpy.load`` in
the folder for temporary files. Ends with 1 when the median ratio is above 3.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from htcgrid.model.codec import TYPED, codec_of

_DOUBLES = 8_000_000
#: What the median ratio may be at most.
_TARGET = 3.0


def main() -> int:
    """Print one line."""
    # Only this measure, and the tests, need it.
    import numpy as np  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m benchmarks.arrays", description="Compare with a file.")
    parser.add_argument("--runs", type=int, default=7)
    array = np.random.default_rng(1).random(_DOUBLES)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        file = Path(folder, "array.npy")
        pairs = [(_through_codec(array), _through_file(array, file, np)) for _ in range(parser.parse_args().runs)]
    codec, copied = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    ratio = statistics.median(ratios)
    print(
        f"{_DOUBLES:,} doubles there and back: {1e3 * codec:.0f} ms, {ratio:.2f} of a copy through a file "
        f"({1e3 * copied:.0f} ms; {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )
    return int(ratio > _TARGET)


def _through_codec(array: Any) -> float:
    codec = codec_of(TYPED)
    began = time.perf_counter()
    back = codec.decode(codec.encode(array))
    seconds = time.perf_counter() - began
    assert back.flags.writeable
    assert (back == array).all()
    return seconds


def _through_file(array: Any, file: Path, np: Any) -> float:
    began = time.perf_counter()
    np.save(file, array)
    back = np.load(file)
    seconds = time.perf_counter() - began
    assert (back == array).all()
    return seconds


if __name__ == "__main__":
    sys.exit(main())
