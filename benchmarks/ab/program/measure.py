"""The program that measures: the same file for both sides, run by the Python of each.

Beside the language it uses only what every side has: ``Grid.open``, ``submit`` and ``results``. It measures when it is
told to, so that two of them take turns, and ends when nobody is left to tell it.
"""

import argparse
import importlib.util
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from htcgrid import Grid

_ECHO = "ab_tasks:echo"
#: The payload of htcgrid/bench/measures.py, 120 bytes as JSON, which a test holds equal: each side has that file.
PAYLOAD = {"trade": "option", "strike": 8.0, "underlying": 7.0, "volatility": 0.1, "rate": 0.05, "note": "x" * 33}
#: The sessions that are run before anything is measured: their tasks.
_WARM = (1000, *[1] * 10)
#: How long a session may take: seconds.
_PATIENCE = 600.0


class Options(NamedTuple):
    """What a measurement is told."""

    tasks: int
    #: How many sessions are a turn.
    sessions: int
    workers: int
    #: The folder that htcgrid is to come from.
    source: Path
    #: The grid.toml of the grid; an embedded one without it.
    config: Path | None


def main() -> None:
    """Answer each line: ``turn`` with the seconds of a session, ``used`` with the processors' seconds for a task.

    The seconds are the median of a turn's sessions, the processors' those of all turns so far.
    """
    asked = _options()
    _check(asked.source)
    # What else is printed goes to stderr: the answers are alone on stdout.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with _opened(asked) as grid:
        for tasks in _WARM:
            _session(grid, tasks)
        below, own, turns = _used_below(), 0.0, 0
        for line in sys.stdin:
            if line == "turn\n":
                began = time.process_time()
                answer = statistics.median(_session(grid, asked.tasks) for _ in range(asked.sessions))
                own += time.process_time() - began
                turns += 1
            else:
                answer = (own + _used_below() - below) / (turns * asked.sessions * asked.tasks)
            print(answer, file=answers, flush=True)


def _session(grid: Grid, tasks: int) -> float:
    """Return the seconds from the start of submit to the last result, all of which are as they must be."""
    # As many objects, so that no codec meets the same one twice.
    payloads = [dict(PAYLOAD) for _ in range(tasks)]
    began = time.perf_counter()
    results = grid.submit(_ECHO, payloads).results(timeout=_PATIENCE)
    seconds = time.perf_counter() - began
    if results != payloads:
        raise SystemExit("the results are not those of the tasks")
    return seconds


@contextmanager
def _opened(asked: Options) -> Iterator[Grid]:
    """Open the grid; one that is not embedded has an agent below this process."""
    if asked.config is None:
        with Grid.open(workers=asked.workers) as grid:
            yield grid
        return
    command = [sys.executable, "-P", "-m", "htcgrid_agent", "--config", str(asked.config)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as agent:
        try:
            with Grid.open(asked.config) as grid:
                yield grid
        finally:
            agent.terminate()


def _check(source: Path) -> None:
    """End this process if client or agent would be of another folder than the one that is to be measured."""
    for name in ("htcgrid", "htcgrid_agent"):
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None or not Path(found.origin).resolve().is_relative_to(source.resolve()):
            raise SystemExit(f"{name} would come from {found and found.origin}, and not from {source}")


def _used_below() -> float:
    """Return the processors' seconds of all processes below this one, and of those that ended below them."""
    mine = os.getpid()
    parents: dict[int, int] = {}
    collected: dict[int, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            facts = stat.read_text(errors="replace").rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(facts[1])
            # What its children had used when they ended: proc(5), fields 16 and 17.
            collected[int(stat.parent.name)] = (int(facts[13]) + int(facts[14])) / os.sysconf("SC_CLK_TCK")
    below = {pid for pid in parents if pid != mine and mine in _ancestors(pid, parents)}
    return collected[mine] + sum(collected[pid] + _clock(pid) for pid in below)


def _ancestors(pid: int, parents: dict[int, int]) -> Iterator[int]:
    while (pid := parents.get(pid, 0)) > 0:
        yield pid


def _clock(pid: int) -> float:
    """Return the processors' seconds of a process, to the nanosecond, while /proc has hundredths of a second.

    The number of another process's clock is what clock_getcpuclockid(3) makes of its id.
    """
    with suppress(OSError):
        return time.clock_gettime((~pid << 3) | 2)
    return 0.0


def _options() -> Options:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, required=True)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    return Options(**vars(parser.parse_args()))


if __name__ == "__main__":
    # A request to terminate ends this process in good order, and its grid with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
