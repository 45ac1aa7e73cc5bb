"""What is measured of both sides, and in which order."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.ab.checkout import NotComparableError
from benchmarks.ab.ratios import Measurement, Pair
from benchmarks.ab.side import Side
from benchmarks.grids import redis_config
from benchmarks.program import ProgramError, output
from tests.emulators.redis_server import DURABLE, QUICK, MissingServiceError, RedisProcess

WORKERS = 2
#: The grids that can be measured: the options of a Redis, none for an embedded grid.
GRIDS = {"local": None, "redis": QUICK, "redis, durable": DURABLE}
_PROGRAM = Path(__file__).parent / "program"
#: How long one measurement may take: seconds.
_SECONDS = 900.0


class Measure(NamedTuple):
    """What is measured in one process: sessions of as many tasks, one after the other, whose median counts."""

    title: str
    tasks: int
    sessions: int


#: All measures by the names that ``--only`` takes. A process takes about a second and a half to begin and to end.
MEASURES = {
    "10000": Measure("10,000 echo tasks", 10_000, 10),
    "100000": Measure("100,000 echo tasks", 100_000, 3),
    "lone": Measure("a lone task", 1, 60),
}


def pair(base: Side, change: Side, measure: Measure, grid: str) -> Pair:
    """Measure both sides twice: base, change, change, base.

    So a machine that gets slower or faster meanwhile does so for both alike.
    """
    first = measured(base, measure, grid)
    changes = (measured(change, measure, grid), measured(change, measure, grid))
    return Pair((first, measured(base, measure, grid)), changes)


def measured(side: Side, measure: Measure, grid: str) -> Measurement:
    """Measure one side once, in a new process and on a new grid.

    Raises:
        NotComparableError: it failed, or did not say what was asked.
    """
    try:
        with _folder() as folder, ExitStack() as ending:
            command = [*_command(side, measure), *_config(grid, folder, ending)]
            variables = {**side.variables, "TMPDIR": str(folder)}
            return parsed(output(command, folder / "log", at=folder, variables=variables, seconds=_SECONDS))
    except (ProgramError, MissingServiceError) as error:
        raise NotComparableError(
            f"{measure.title} cannot be measured of {side.name}: {error}; see what {side.source} lacks"
        ) from error


def parsed(said: str) -> Measurement:
    """Return the measurement that the last line is.

    Raises:
        ProgramError: it is none.
    """
    last = said.strip().rpartition("\n")[2]
    try:
        facts = json.loads(last)
        found = Measurement(float(facts["seconds"]), float(facts["processor"]))
    except (ValueError, TypeError, KeyError) as error:
        raise ProgramError(f"its last line is no measurement: {last[:200]!r}") from error
    if found.seconds <= 0 or found.processor <= 0:
        raise ProgramError(f"its measurement cannot be: {found.seconds} s, {found.processor} s of processors")
    return found


def _command(side: Side, measure: Measure) -> list[str | Path]:
    numbers = {"--tasks": measure.tasks, "--sessions": measure.sessions, "--workers": WORKERS, "--source": side.source}
    return [side.python, _PROGRAM / "measure.py", *(str(word) for item in numbers.items() for word in item)]


def _config(grid: str, folder: Path, ending: ExitStack) -> Sequence[str | Path]:
    """Return the words that name a grid.toml, and start what that grid needs; none for an embedded grid."""
    options = GRIDS[grid]
    if options is None:
        return []
    server = RedisProcess(folder / "redis", options)
    ending.callback(server.stop)
    server.start()
    file = folder / "grid.toml"
    file.write_text(redis_config(server.url, _PROGRAM, WORKERS))
    return ["--config", file]


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="htcgrid-ab-", ignore_cleanup_errors=True) as name:
        yield Path(name)
