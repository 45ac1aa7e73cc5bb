"""The drill's client: a process of its own, so that it can be killed; the next one goes on under the same id."""

import argparse
import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO

import msgspec

from htcgrid import Grid, RetryPolicy
from htcgrid.drill.work import HANDLER, Task, answer

#: A task is tried until it succeeds: its worker may be struck many times.
_RETRY = RetryPolicy(tries=100, backoff=timedelta(seconds=0.2), limit=timedelta(seconds=2))
#: Into how many parts the tasks are cut, which are submitted one after the other.
_PARTS = 100
#: What it has seen is written this often: seconds.
_OFTEN = 0.2


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What a client is to do."""

    config: str
    session: str
    pool: str
    tasks: int
    seed: int
    #: How long a task takes, and after how long a try is ended: seconds.
    seconds: float
    timeout: float
    #: When the first task is submitted, in seconds since the epoch, and the time over which they all are.
    began: float
    pace: float
    notes: str


def submit_and_read(errand: Errand, out: TextIO) -> None:
    """Submit what is not submitted, and write down each outcome: ``outcome <task> <right|wrong|its error>``."""

    def events() -> Iterator[dict[str, Any]]:
        event = msgspec.to_builtins(Task(seed=errand.seed, seconds=errand.seconds, notes=errand.notes))
        for index in range(errand.tasks):
            if index and index % max(1, errand.tasks // _PARTS) == 0:
                # By the clock: the client that comes after one that was killed makes up for it.
                due = errand.began + errand.pace * index / errand.tasks
                time.sleep(max(0.0, min(errand.pace, due - time.time())))
            yield event

    with Grid.open(errand.config) as grid:
        session = grid.submit(
            HANDLER,
            events(),
            id=errand.session,
            pool=errand.pool,
            retry=_RETRY,
            timeout=errand.timeout,
            labels={"drill": "yes"},
        )
        written = time.monotonic()
        for outcome in session.outcomes():
            if outcome.error is not None:
                word = f"{outcome.error.type}: {outcome.error.message}".replace("\n", " ")
            else:
                word = "right" if outcome.value == answer(errand.seed, outcome.index) else "wrong"
            out.write(f"outcome {outcome.index} {word}\n")
            if time.monotonic() - written > _OFTEN:
                out.write(f"accepted {session.accepted}\n")
                out.flush()
                written = time.monotonic()
        out.write(f"accepted {session.accepted}\n")
        out.flush()


def _end_with_drill() -> None:
    """End this process when the drill is gone, whose end of a pipe is this one's input."""
    # Not through sys.stdin, whose lock Python needs when it ends.
    os.read(0, 1)
    os._exit(1)


def main() -> None:
    """Run ``python -m htcgrid.drill.client ERRAND FILE``."""
    parser = argparse.ArgumentParser(prog="htcgrid.drill.client", description=__doc__)
    parser.add_argument("errand", help="what to do, as JSON")
    parser.add_argument("out", type=Path, help="the file to write to")
    options = parser.parse_args()
    threading.Thread(target=_end_with_drill, daemon=True).start()
    with options.out.open("w", encoding="utf-8") as out:
        submit_and_read(msgspec.json.decode(options.errand, type=Errand), out)


if __name__ == "__main__":
    main()
