"""An agent that a command starts for as long as it needs one."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from htcgrid.errors import ProviderError
from htcgrid.lifeline import Lifeline
from htcgrid.model.interpreter import interpreter
from htcgrid.pause import has_ended

#: How much of what it said is told when it ends by itself: bytes.
_TAIL = 2000
#: What it says once it has begun, and how often that is looked for: seconds.
_STARTED, _LOOK = b"agent started", 0.05


@contextmanager
def agent_process(
    config: Path, *, pool: str | None = None, workers: int | None = None, handlers: Sequence[str] = ()
) -> Iterator[int]:
    """Run an agent of a grid beside the block, which is given its process id; it ends with the block or this process.

    The block begins once the agent has. ``handlers`` are patterns of handlers that it runs beside those of grid.toml.

    Raises:
        ProviderError: it ended by itself.
    """
    command = [interpreter(), "-P", "-m", "htcgrid_agent", "--config", str(config)]
    command += [] if pool is None else ["--pool", pool]
    command += [] if workers is None else ["--workers", str(workers)]
    for pattern in handlers:
        command += ["--handler", pattern]
    lifeline = Lifeline()
    try:
        with (
            tempfile.TemporaryFile() as log,
            subprocess.Popen(
                [*command, *lifeline.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=lifeline.descriptors,
                # Ctrl-C in a terminal is for the command, which ends its agent then.
                start_new_session=True,
            ) as agent,
        ):
            try:
                while _STARTED not in _said(log):
                    if has_ended(agent, _LOOK):
                        raise _ended(log)
                yield agent.pid
                if agent.poll() is not None:
                    raise _ended(log)
            finally:
                agent.terminate()
    finally:
        lifeline.close()


def _said(log: IO[bytes]) -> bytes:
    # The agent writes at the place where this file object stands, which must not move.
    return os.pread(log.fileno(), os.fstat(log.fileno()).st_size, 0)


def _ended(log: IO[bytes]) -> ProviderError:
    return ProviderError(f"the agent ended by itself: {_said(log)[-_TAIL:].decode(errors='replace').strip()}")
