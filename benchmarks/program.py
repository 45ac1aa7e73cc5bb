"""A program that is run for what it prints: started, waited for or asked, and ended with all that it has started."""

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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
    with _started(command, log, at, variables) as process:
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise ProgramError(f"it has not ended after {seconds:.0f} s") from error
    if process.returncode:
        raise ProgramError(_complaint(process, log))
    return said


@contextmanager
def conversation(
    command: Sequence[str | Path], log: Path, *, at: Path, variables: Mapping[str, str], seconds: float = _SECONDS
) -> Iterator[Callable[[str], str]]:
    """Run a program beside the block, which is given a function that writes it a line and returns the one it answers.

    At the end of the block it reads no more lines, and ends by itself.

    Raises:
        ProgramError: it fails, or does not answer or end in time.
    """
    with _started(command, log, at, variables) as process:
        assert process.stdin
        assert process.stdout
        told, said = process.stdin, process.stdout

        def ask(line: str) -> str:
            # When it has ended already, what follows tells so.
            with suppress(BrokenPipeError):
                told.write(line + "\n")
                told.flush()
            if not select.select([said], [], [], seconds)[0]:
                raise ProgramError(f"it has not answered after {seconds:.0f} s")
            if answer := said.readline():
                return answer.strip()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
            raise ProgramError(_complaint(process, log))

        yield ask
        with suppress(BrokenPipeError):
            told.close()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise ProgramError(f"it has not ended after {seconds:.0f} s") from error
    if process.returncode:
        raise ProgramError(_complaint(process, log))


@contextmanager
def _started(
    command: Sequence[str | Path], log: Path, at: Path, variables: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Start a program; it and all that it has started end with the block."""
    with (
        log.open("wb") as complaints,
        subprocess.Popen(
            command,
            cwd=at,
            env=dict(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            _end(process)
            # What it has not read is not written any more.
            with suppress(BrokenPipeError):
                assert process.stdin
                process.stdin.close()


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


def _complaint(process: subprocess.Popen[str], log: Path) -> str:
    """Return the last that a program complained of, or else how it ended."""
    told = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return told[-1][:300] if told else f"exit code {process.returncode}"
