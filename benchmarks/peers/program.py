"""A peer's measurement as a program."""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.comparison import Measurement
from benchmarks.peers.catalogue import Peer
from benchmarks.program import ProgramError, output
from tests.emulators.redis_server import QUICK, MissingServiceError, RedisProcess

_ROOT = Path(__file__).resolve().parents[2]


def measured(peer: Peer, python: Path, *, tasks: int, trips: int, workers: int) -> Measurement:
    """Measure a peer once.

    Raises:
        ProgramError: it failed, or did not say what was asked; the message says why.
    """
    tasks, trips = min(tasks, peer.tasks), min(trips, peer.trips)
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with _redis(peer, folder) as address:
            numbers = {"--tasks": tasks, "--trips": trips, "--workers": workers, "--folder": folder}
            words = [str(word) for pair in numbers.items() for word in pair]
            text = said(python, f"{peer.folder}.{peer.module}", [*words, "--redis", address], folder / "measure.log")
    return parsed(text, tasks=tasks, trips=trips)


def said(python: Path, module: str, words: Sequence[str], log: Path) -> str:
    """Return what a module of this package says, run by a peer's own Python.

    Raises:
        ProgramError: it failed.
    """
    # As in an environment that is activated: peers start programs of theirs by name.
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    return output(
        [str(python), "-m", f"benchmarks.peers.{module}", *words],
        log,
        at=_ROOT,
        variables={**os.environ, "PYTHONPATH": str(_ROOT), "PATH": path},
    )


def parsed(text: str, *, tasks: int, trips: int) -> Measurement:
    """Return the measurement that the last line is.

    Raises:
        ProgramError: it is none.
    """
    last = text.strip().rpartition("\n")[2]
    try:
        facts = json.loads(last)
        found = Measurement(str(facts["version"]), tasks, float(facts["bulk"]), tuple(map(float, facts["trips"])))
    except (ValueError, TypeError, KeyError) as error:
        raise ProgramError(f"its last line is no measurement: {last[:200]!r}") from error
    if found.bulk <= 0 or len(found.trips) != trips:
        raise ProgramError(f"its measurement cannot be: {found.bulk} s, {len(found.trips)} of {trips} round trips")
    return found


@contextmanager
def _redis(peer: Peer, folder: Path) -> Iterator[str]:
    """Start a Redis of its own for a peer that needs one."""
    if not peer.redis:
        yield ""
        return
    server = RedisProcess(folder / "redis", QUICK)
    try:
        server.start()
    except MissingServiceError as error:
        raise ProgramError(str(error)) from error
    try:
        yield server.url
    finally:
        server.stop()
