"""Tries each decoder with a million inputs: ``python -m tests.model.fuzz --help``.

Each is nearly what the decoder reads, or nearly another's, or nothing of the kind. Only a value may come of it, or the
decoder's own error, within 0.2 s and 200 MB.
"""

import argparse
import random
import resource
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

from tests.model.decoders import KINDS, ODD, Kind, bent, changed

#: The longest that one input may take, in seconds of the processor's time, and the most memory: bytes.
LONGEST = 0.2
LARGEST = 200 << 20
#: Inputs of one process, whose memory begins anew with the next.
_PART = 50_000
#: Bytes of an input that are shown; the seed makes all of them again.
_SHOWN = 400


def made(name: str, seed: int) -> bytes:
    """Return the input of a seed for a decoder."""
    rng = random.Random(f"{name} {seed}")
    sample = KINDS[name].sample
    match rng.randrange(10):
        case 0:
            return rng.randbytes(rng.randrange(64))
        case 1:
            return changed(rng.choice(ODD), seed)
        case 2:
            return changed(rng.choice([kind.sample for kind in KINDS.values()]), seed)
        case 3:
            # A part of it again and again.
            start = rng.randrange(len(sample))
            stop = start + rng.randint(1, 16)
            return sample[:start] + sample[start:stop] * rng.choice((2, 10, 1000)) + sample[stop:]
        case 4:
            # One that begins as it, and goes on as another.
            other = rng.choice([kind.sample for kind in KINDS.values()])
            return sample[: rng.randrange(len(sample))] + other[rng.randrange(len(other)) :]
        case kind:
            return (bent if kind < 8 else changed)(sample, seed)


def fuzzed(name: str, seeds: Iterable[int]) -> list[str]:
    """Return what is wrong with what a decoder makes of these inputs, each with its seed."""
    kind = KINDS[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wrong = []
    for seed in seeds:
        data = made(name, seed)
        took, error = _tried(kind, data)
        if not error and took > LONGEST:
            # Once more: something may have been imported, or collected.
            took, error = _tried(kind, data)
        if error or took > LONGEST:
            wrong.append(f"{name}, seed {seed}: {error or f'took {took:.2f} s'} with {data[:_SHOWN].hex()}")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    if grown > LARGEST:
        wrong.append(f"{name}, seeds {seeds}: took {grown >> 20} MB")
    return wrong


def _alone(name: str, seeds: Iterable[int]) -> list[str]:
    """Do the same in a process of its own, which is to fail before the machine does."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 4 * LARGEST, resource.RLIM_INFINITY))
    return fuzzed(name, seeds)


def _tried(kind: Kind, data: bytes) -> tuple[float, str]:
    """Return how long an input takes, and the error that no decoder may raise."""
    began, wrong = time.thread_time(), ""
    try:
        kind.read(data)
    except kind.raises:
        pass
    except BaseException as error:  # noqa: BLE001 - just that is looked for
        wrong = f"{type(error).__name__}: {error}"
    return time.thread_time() - began, wrong


def main() -> int:
    """Try all; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many inputs each decoder gets")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first one")
    parser.add_argument("--only", choices=sorted(KINDS), help="this decoder alone")
    options = parser.parse_args()
    names = [options.only] if options.only else list(KINDS)
    last = options.first + options.inputs
    parts = [range(start, min(start + _PART, last)) for start in range(options.first, last, _PART)]
    began, wrong = time.monotonic(), 0
    with ProcessPoolExecutor(mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for name in names:
            for complaint in chain.from_iterable(pool.map(partial(_alone, name), parts)):
                wrong += 1
                print(complaint, flush=True)  # noqa: T201 - a program's output
    seconds = time.monotonic() - began
    print(f"{len(names)} decoders, {options.inputs:,} inputs each, {seconds:.0f} s: {wrong} went wrong")  # noqa: T201
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
