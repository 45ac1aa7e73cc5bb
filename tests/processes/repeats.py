"""Sessions that are submitted again and again, at once too: ``python -m tests.processes.repeats``."""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random

import msgspec

from htcgrid import Grid

#: Most times that a session is submitted, and tasks that it has.
_TIMES = 6
_TASKS = 5


class Count(msgspec.Struct, frozen=True):
    """What was submitted, and what is there."""

    submits: int
    #: Distinct tasks that were meant, and tasks that the grid holds.
    meant: int
    held: int


def run(folder: Path, *, sessions: int, seed: int) -> Count:
    """Submit so many sessions one to six times each, from threads with connections of their own; count the tasks."""
    random = Random(seed)
    sizes = [random.randint(1, _TASKS) for _ in range(sessions)]
    submits = [index for index in range(sessions) for _ in range(random.randint(1, _TIMES))]
    random.shuffle(submits)
    config = {"state": {"provider": "local", "path": str(folder / "state")}}
    shares = [submits[share::8] for share in range(8)]
    with ThreadPoolExecutor(len(shares)) as pool:
        list(pool.map(partial(_submit, config, sizes), shares))
    with Grid.open(config) as grid:
        held = sum(status.total for status in grid.sessions())
    return Count(len(submits), sum(sizes), held)


def _submit(config: dict[str, dict[str, str]], sizes: list[int], submits: list[int]) -> None:
    with Grid.open(config) as grid:
        for index in submits:
            grid.submit("work:square", [index * _TASKS + task for task in range(sizes[index])], id=f"s-{index}")


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.processes.repeats", description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="htcgrid-repeats-") as folder:
        count = run(Path(folder), sessions=options.sessions, seed=options.seed)
    sys.stdout.write(
        f"{options.sessions:,} sessions were submitted {count.submits:,} times: {count.meant:,} distinct tasks, "
        f"{count.held:,} in the grid\n"
    )
    return int(count.meant != count.held)


if __name__ == "__main__":
    sys.exit(main())
