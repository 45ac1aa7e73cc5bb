"""Many seeds, in several processes."""

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from htcgrid.cores import usable_cores
from tests.simulation.simulation import Report, simulate


def simulated(seeds: Iterable[int], processes: int | None = None) -> Iterator[Report]:
    """Yield the reports of seeds in their order, simulated in processes of their own, one for each usable core
    by default."""
    # Spawned: who calls this may have threads, which a fork would not take along.
    context = get_context("spawn")
    with ProcessPoolExecutor(processes or usable_cores().count, mp_context=context, initializer=quietly) as pool:
        yield from pool.map(simulate, seeds, chunksize=5)


def quietly() -> None:
    """Log nothing: what the connector says of threads that end is no news here."""
    logging.disable()
