"""A terminal with a person before it."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cli.conftest import PATIENCE, until

_PROGRAM = Path(sys.executable).with_name("htcgrid")
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """Runs a command, or a Python program, in a terminal of so many columns, in the folder where the test stands."""

    def __init__(
        self, *words: str, columns: int = 80, lines: int = 24, kind: str = "xterm", program: Path = _PROGRAM
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
        self.process = subprocess.Popen(
            [program, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment | {"TERM": kind},
            start_new_session=True,
        )
        os.close(slave)
        os.set_blocking(self._master, False)
        #: All that was written, as it came.
        self.raw = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    @property
    def lines(self) -> list[str]:
        """The lines that were written, without colours and moves."""
        return [line for line in re.split(r"[\r\n]+", _CODES.sub("", self.raw)) if line.strip()]

    def until(self, condition: Callable[[], bool]) -> None:
        """Return once the condition holds for what was written."""

        def holds() -> bool:
            self._read()
            return condition()

        until(holds)

    def ended(self) -> int:
        """Return the exit status, once there is one."""
        self.until(lambda: self.process.poll() is not None)
        self._read()
        return self.process.wait(PATIENCE)

    def _read(self) -> None:
        with suppress(BlockingIOError, OSError):
            while data := os.read(self._master, 1 << 16):
                self.raw += data.decode("utf-8", "replace")
