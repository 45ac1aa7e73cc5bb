"""A peer's measurement as a program: started, waited for, read and ended."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.comparison import Measurement
from benchmarks.peers.catalogue import Peer
from tests.emulators.redis_server import QUICK, MissingServiceError, RedisProcess

#: How long a measurement may take, and how long it may take to end when asked: seconds.
_SECONDS, _PATIENCE = 300.0, 30.0


class PeerError(Exception):
    """A peer could not be measured."""


def measured(peer: Peer, python: Path, *, tasks: int, trips: int, workers: int) -> Measurement:
    """Measure a peer once.

    Raises:
        PeerError: it failed, or did not say what was asked; the message says why.
    """
    tasks, trips = min(tasks, peer.tasks), min(trips, peer.trips)
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with _redis(peer, folder) as address:
            command = [str(python), "-m", f"benchmarks.peers.{peer.folder}.{peer.module}"]
            numbers = {"--tasks": tasks, "--trips": trips, "--workers": workers, "--folder": folder}
            words = [str(word) for pair in numbers.items() for word in pair]
            said = output([*command, *words, "--redis", address], folder, python.parent)
    return parsed(said, tasks=tasks, trips=trips)


def parsed(said: str, *, tasks: int, trips: int) -> Measurement:
    """Return the measurement that the last line is.

    Raises:
        PeerError: it is none.
    """
    last = said.strip().rpartition("\n")[2]
    try:
        facts = json.loads(last)
        found = Measurement(str(facts["version"]), tasks, float(facts["bulk"]), tuple(map(float, facts["trips"])))
    except (ValueError, TypeError, KeyError) as error:
        raise PeerError(f"its last line is no measurement: {last[:200]!r}") from error
    if found.bulk <= 0 or len(found.trips) != trips:
        raise PeerError(f"its measurement cannot be: {found.bulk} s, {len(found.trips)} of {trips} round trips")
    return found


def output(command: list[str], folder: Path, programs: Path, seconds: float = _SECONDS) -> str:
    """Return what a program writes; it and all that it has started are gone then.

    Raises:
        PeerError: it fails, or does not end in time.
    """
    complaints = folder / "measure.log"
    root = Path(__file__).resolve().parents[2]
    # As in an environment that is activated: peers start programs of theirs by name.
    path = os.pathsep.join([str(programs), os.environ.get("PATH", "")])
    with (
        complaints.open("wb") as log,
        subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root), "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise PeerError(f"it has not ended after {seconds:.0f} s") from error
        finally:
            _end(process)
    if process.returncode:
        told = [line for line in complaints.read_text(errors="replace").splitlines() if line.strip()]
        raise PeerError(told[-1][:300] if told else f"exit code {process.returncode}")
    return said


def _end(process: subprocess.Popen[str]) -> None:
    """End the process, in good order if it will, and what is left of its group."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


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
        raise PeerError(str(error)) from error
    try:
        yield server.url
    finally:
        server.stop()
