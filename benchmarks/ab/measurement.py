"""What is measured of both sides, and in which order."""

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.ab.checkout import NotComparableError
from benchmarks.ab.ratios import Measurement, Pair
from benchmarks.ab.side import Side
from benchmarks.grids import redis_config
from benchmarks.program import ProgramError, conversation
from tests.emulators.redis_server import DURABLE, QUICK, MissingServiceError, RedisProcess

WORKERS = 2
#: The grids that can be measured: the options of a Redis, none for an embedded grid.
GRIDS = {"local": None, "redis": QUICK, "redis, durable": DURABLE}
_PROGRAM = Path(__file__).parent / "program"
#: How long a turn may take: seconds.
_SECONDS = 900.0


class Measure(NamedTuple):
    """What is measured: turns of sessions of as many tasks, one after the other; the median of a turn's counts."""

    title: str
    tasks: int
    sessions: int
    #: Of each side in a pair; an even number, so that either side is as often the first.
    turns: int


#: All measures by the names that ``--only`` takes.
MEASURES = {
    "10000": Measure("10,000 echo tasks", 10_000, 1, 20),
    "100000": Measure("100,000 echo tasks", 100_000, 1, 8),
    "lone": Measure("a lone task", 1, 5, 24),
}


def pair(base: Side, change: Side, measure: Measure, grid: str) -> Pair:
    """Measure both sides, each in a new process and on a new grid, in turns.

    Raises:
        NotComparableError: a side failed, or did not say what was asked.
    """
    with _client(base, measure, grid) as ask_base, _client(change, measure, grid) as ask_change:
        seconds = in_turns(lambda: ask_base("turn"), lambda: ask_change("turn"), measure.turns)
        processors = ask_base("used"), ask_change("used")
        return Pair(*(Measurement(*found) for found in zip(seconds, processors, strict=True)))


def in_turns(
    base: Callable[[], float], change: Callable[[], float], turns: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return what each measured: base, change, change, base, and so on.

    So each is as often the first, and comes as often after itself as after the other. What else the machine does for
    longer than a turn, and what a turn leaves to be written to the disk, is in the way of both alike.
    """
    found: dict[Callable[[], float], list[float]] = {base: [], change: []}
    for number in range(turns):
        for measure in (base, change) if number % 2 == 0 else (change, base):
            found[measure].append(measure())
    return tuple(found[base]), tuple(found[change])


@contextmanager
def _client(side: Side, measure: Measure, grid: str) -> Iterator[Callable[[str], float]]:
    """Run the measuring program; the block is given a function that asks it and returns what it answers."""

    def failed(error: Exception) -> NotComparableError:
        return NotComparableError(
            f"{measure.title} cannot be measured of {side.name}: {error}; see what {side.source} lacks"
        )

    try:
        with _folder() as folder, ExitStack() as ending:
            command = [*_command(side, measure), *_config(grid, folder, ending)]
            variables = {**side.variables, "TMPDIR": str(folder)}
            with conversation(command, folder / "log", at=folder, variables=variables, seconds=_SECONDS) as ask:

                def asked(line: str) -> float:
                    try:
                        return number(ask(line))
                    except ProgramError as error:
                        # Here, for the block has another side's program, too.
                        raise failed(error) from error

                yield asked
    except (ProgramError, MissingServiceError) as error:
        raise failed(error) from error


def number(said: str) -> float:
    """Return the measurement that a line is.

    Raises:
        ProgramError: it is none.
    """
    try:
        found = float(said)
    except ValueError as error:
        raise ProgramError(f"it answers no measurement: {said[:200]!r}") from error
    if not 0 < found < math.inf:
        raise ProgramError(f"its measurement cannot be: {found} s")
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
