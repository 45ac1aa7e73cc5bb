"""A program that is run for what it prints: started, waited for, and ended with all that it has started."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

#: How long one may take, and how long it may take to end when asked: seconds.
_SECONDS, _PATIENCE = 300.0, 30.0


class ProgramError(Exception):
    """A program failed, did not end in time, or did not say what was asked."""


def output(
    command: Sequence[str | Path], log: Path, *, at: Path, variables: Mapping[str, str], seconds: float = _SECONDS
) -> str:
    """Return what a program writes, run in the folder ``at``; it and all that it has started are gone then.

    What it complains of goes to the file ``log``.

    Raises:
        ProgramError: it fails, or does not end in time.
    """
    with (
        log.open("wb") as complaints,
        subprocess.Popen(
            command,
            cwd=at,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise ProgramError(f"it has not ended after {seconds:.0f} s") from error
        finally:
            _end(process)
    if process.returncode:
        told = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise ProgramError(told[-1][:300] if told else f"exit code {process.returncode}")
    return said


def _end(process: subprocess.Popen[str]) -> None:
    """End the process, in good order if it will, and what is left of its group."""
    try:
        if process.poll() is None:
            process.terminate()
            process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
