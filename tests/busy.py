"""The suite beside busy loops, time after time: `make busy`.

A test that fails here and not alone depends on how quick the machine is, which is a defect of the test, or of what it
tests. What each round said is kept in build/busy/.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Ends with who started it, however that ends.
_LOOP = """
import os
owner = os.getppid()
while os.getppid() == owner:
    for _ in range(1_000_000):
        pass
"""
_FOLDER = Path("build") / "busy"


def main() -> int:
    """Run the command some times; return 1 if it failed or took too long in one of them."""
    words = _words()
    _FOLDER.mkdir(parents=True, exist_ok=True)
    loops = words.loops * (os.cpu_count() or 1)
    well = True
    with busy(loops):
        for number in range(1, words.times + 1):
            log = _FOLDER / f"round-{number}.log"
            status, minutes = _ran(words.command, log)
            late = minutes > words.minutes
            well = well and status == 0 and not late
            said = f"round {number} beside {loops} loops: exit status {status}, {minutes:.1f} minutes"
            _say(f"{said}{f', more than {words.minutes:g}' if late else ''}; see {log}")
            for line in failures(log.read_text(encoding="utf-8", errors="replace")):
                _say(f"  {line}")
    return 0 if well else 1


@contextmanager
def busy(loops: int) -> Iterator[list[int]]:
    """Keep processors busy for the time of the block, which gets the loops' process ids."""
    started = [subprocess.Popen([sys.executable, "-c", _LOOP]) for _ in range(loops)]
    try:
        yield [process.pid for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()


def failures(log: str) -> list[str]:
    """Return the lines in which pytest sums up what failed."""
    return re.findall(r"^(?:FAILED|ERROR) \S.*$", log, re.MULTILINE)


def _ran(command: list[str], log: Path) -> tuple[int, float]:
    began = time.monotonic()
    with log.open("wb") as output:
        status = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    return status, (time.monotonic() - began) / 60


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.busy", description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--loops", type=int, default=4, help="busy loops per core (default: 4)")
    parser.add_argument("--minutes", type=float, default=40.0, help="the longest that a round may take (default: 40)")
    parser.add_argument("command", nargs="*", default=["make", "test"], help="what is run (default: make test)")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
