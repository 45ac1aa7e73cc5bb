"""Everything of a grid is killed at once, again and again: ``python -m tests.processes.ruin --rounds 500``."""

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

from htcgrid import Grid
from htcgrid.errors import SessionNotFoundError
from htcgrid.model import SessionId
from tests.processes.conftest import Processes

#: Tasks of each session; every third round goes on with the session of the one before.
TASKS = 300
_PATIENCE = 120.0
_CLIENT = """
import time
from htcgrid import Grid

def tasks():
    for number in range({tasks}):
        if number % 50 == 49:
            time.sleep(0.03)
        yield {{"number": number, "more": "x" * ({large} if number % 100 == 7 else 10)}}

with Grid.open("grid.toml") as grid:
    session = grid.submit("work:double", tasks(), id="{session}")
    while True:
        print("accepted", session.accepted, flush=True)
        if session.accepted == {tasks}:
            break
        time.sleep(0.01)
    for outcome in session.outcomes():
        print("ended", outcome.index, outcome.value, flush=True)
"""


class Ruin:
    """A grid's folder that outlives all its processes, many times."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._random = Random(seed)
        #: By session: how many of its tasks a client was told are accepted, and which it was told have ended.
        self._accepted: dict[str, int] = {}
        self._ended: dict[str, dict[int, int]] = {}

    def round(self, number: int) -> None:
        """Start everything, kill all of it at some moment, and look whether the state file is whole."""
        session = f"round-{number - number % 3}"
        processes = Processes(self._folder)
        # The moment may come while they start, and make the file.
        for _ in range(2):
            processes.starting_agent()
        client, _ = processes.client(_CLIENT.format(tasks=TASKS, large=300_000, session=session))
        time.sleep(self._random.uniform(0.0, 3.0))
        processes.close()
        # It was killed, or had ended its work.
        assert client.returncode in {0, -9}, processes.log(client)
        self._remember(session, processes.log(client))
        self._look()

    def end(self) -> int:
        """Let the grid work in peace; return how many tasks there were.

        Raises:
            AssertionError: something that was accepted is lost, or ended in two ways.
        """
        processes = Processes(self._folder)
        processes.agent()
        try:
            with Grid.open(processes.config) as grid:
                return sum(self._end(grid, session) for session in self._accepted)
        finally:
            processes.close()

    def _remember(self, session: str, said: str) -> None:
        known, ended = self._accepted.get(session, 0), self._ended.setdefault(session, {})
        for line in said.splitlines(keepends=True):
            # The last line may be cut off, as its writer was.
            match line.split():
                case ["accepted", count] if line.endswith("\n"):
                    known = max(known, int(count))
                case ["ended", index, value] if line.endswith("\n"):
                    assert ended.setdefault(int(index), int(value)) == int(value), f"{session}/{index} changed"
                case _:
                    pass
        self._accepted[session] = known

    def _look(self) -> None:
        file = self._folder / "state" / "grid.db"
        if file.exists():
            with closing(sqlite3.connect(file)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        with Grid.open(self._folder / "grid.toml") as grid:
            for session, accepted in self._accepted.items():
                total = _total(grid, session)
                assert total >= accepted, f"{accepted} tasks of {session} were accepted, and {total} are there"

    def _end(self, grid: Grid, session: str) -> int:
        total = _total(grid, session)
        if total == 0:
            return 0
        handle = grid.session(session)
        values = dict(_values(handle, total))
        assert values == {index: 2 * index for index in range(total)}, session
        told = self._ended[session]
        assert {index: values[index] for index in told} == told, session
        return total


def _values(handle: object, total: int) -> Iterator[tuple[int, int]]:
    """Yield the value of each task; a session whose client was killed stays open, so they are asked for one by one."""
    from htcgrid.connector.session import SessionHandle

    assert isinstance(handle, SessionHandle)
    for index in range(total):
        yield index, handle.task(index).outcome(timeout=_PATIENCE).value


def _total(grid: Grid, session: str) -> int:
    try:
        return grid.session(SessionId(session)).status().total
    except SessionNotFoundError:
        return 0


def run(folder: Path, rounds: int, seed: int) -> int:
    """Run so many rounds; return how many tasks were accepted in all of them, none of which was lost."""
    ruin = Ruin(folder, seed)
    for number in range(rounds):
        ruin.round(number)
    return ruin.end()


def main() -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.processes.ruin", description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="htcgrid-ruin-") as folder:
        tasks = run(Path(folder), options.rounds, options.seed)
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"{options.rounds} times everything was killed, in {seconds:.0f} s: of {tasks:,} accepted tasks none was lost, "
        "and the state file was whole each time\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
