"""Explores every configuration, and prints how many states each has: ``make model``."""

import sys
import time

from tests.model.protocol.configurations import LARGE, SMALL, Configuration
from tests.model.protocol.explorer import Exploration
from tests.model.protocol.system import System


def main() -> int:
    """Explore; return 1 if something is wrong, or the number of states is not the one that is written down."""
    sys.stdout.write(f"{'configuration':22} {'states':>10} {'transitions':>12} {'seconds':>8}  bounds\n")
    wrong = sum([_explore(configuration) for configuration in SMALL + LARGE])
    return int(wrong > 0)


def _explore(configuration: Configuration) -> bool:
    began = time.monotonic()
    exploration = Exploration(System(configuration.bounds))
    violation = exploration.run()
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"{configuration.name:22} {len(exploration):10} {exploration.transitions:12} {seconds:8.1f}"
        f"  {configuration.bounds.changed}\n"
    )
    if violation is not None:
        sys.stdout.write(f"{violation}\n")
    elif len(exploration) != configuration.states:
        sys.stdout.write(f"There should be {configuration.states} states: if this is meant, say so there.\n")
    sys.stdout.flush()
    return violation is not None or len(exploration) != configuration.states


if __name__ == "__main__":
    sys.exit(main())
