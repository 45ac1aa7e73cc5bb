"""What an embedded grid's handlers print, shown where the client prints."""

import os
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, TextIO

import msgspec

from htcgrid.errors import UnreadableError
from htcgrid.host import Host
from htcgrid.model.decoding import Decoder
from htcgrid.plain_text import plain

#: How much of a log is read at once.
_BLOCK = 1 << 18
#: What a line of a log holds that tells of something printed; others are not even decoded.
_SIGN = b'"event": "printed"'


class _Line(msgspec.Struct):
    """A line of an agent's log."""

    line: str
    worker: int
    stream: str = "stdout"


_decode: Decoder[_Line] = Decoder(_Line, "a line of an agent's log", json=True)


class HandlerOutput:
    """Follows the logs of a folder's agents, which bound what they take.

    Whoever gets outcomes shows first what was printed by then; while nobody does, somebody is to call :meth:`look` now
    and then. A notebook shows what a thread prints in the cell that has started the thread, so it is better shown by
    those who wait.
    """

    #: Who waits for outcomes looks at least once in this time: seconds.
    _WAITS = 1.5

    def __init__(self, folder: Path, *, to_stderr: bool = False, host: Host) -> None:
        self._folder = folder
        #: Whether what goes to stdout is shown on stderr, too.
        self._to_stderr = to_stderr
        # One and the same thread may be interrupted by a signal's handler that waits for outcomes, too.
        self._lock = host.condition()
        self._host = host
        self._logs: dict[str, _Log] = {}
        #: The workers that have printed.
        self._workers: set[int] = set()
        self._closed = False
        self._shown = 0.0
        # What was printed before, by agents that others have started, was for others.
        for log in self._new():
            log.skip()

    def find(self) -> None:
        """Follow the logs that are new, too, and no more those of agents that have ended."""
        with self._lock:
            if not self._closed:
                ended = set(self._logs) - self._followed()
                list(self._new())
                for name in ended:
                    log = self._logs.pop(name)
                    self._show_log(log)
                    log.file.close()

    def look(self) -> None:
        """Show what was printed, unless somebody waits for outcomes and does so."""
        if self._host.monotonic() - self._shown > self._WAITS:
            self._show()

    def show(self) -> None:
        """Show what was printed by now."""
        self._shown = self._host.monotonic()
        self._show()

    def close(self) -> None:
        """Show what was printed, and nothing any more."""
        with self._lock:
            if not self._closed:
                list(self._new())
                self._show()
            self._closed = True
            for log in self._logs.values():
                log.file.close()
            self._logs.clear()

    def _show(self) -> None:
        with self._lock:
            for log in self._logs.values():
                self._show_log(log)

    def _show_log(self, log: "_Log") -> None:
        for lines in log.lines():
            self._write(lines)

    def _write(self, lines: list[_Line]) -> None:
        self._workers.update(line.worker for line in lines)
        for name, group in groupby(lines, key=attrgetter("stream")):
            stream = sys.stderr if self._to_stderr or name == "stderr" else sys.stdout
            _print("".join(map(self._text, group)), stream)

    def _text(self, line: _Line) -> str:
        # Plain into a file or a pipe, too: `cat` shows it to a terminal later. Colours are lost by that, and
        # `htcgrid logs --json` has the text as it was.
        shown = plain(line.line)
        # With one worker's lines alone, its number says nothing.
        return f"[{line.worker}] {shown}\n" if len(self._workers) > 1 else f"{shown}\n"

    def _new(self) -> Iterator["_Log"]:
        """Yield the logs that are new."""
        for name in sorted(self._followed() - set(self._logs)):
            try:
                self._logs[name] = _Log((self._folder / name).open("rb", buffering=0))
            except OSError:
                continue
            yield self._logs[name]

    def _followed(self) -> set[str]:
        """Return the names of the logs of agents that are on record: those that have ended are taken off it.

        Logs stay, and a folder that is used for long has more of them than a process has descriptors.
        """
        try:
            names = {file.name for file in self._folder.iterdir()}
        except OSError:
            return set(self._logs)
        return {name for name in names if name.endswith(".log") and f"{name.removesuffix('.log')}.json" in names}


class _Log:
    """One agent's log, read as far as its last whole line."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self._rest = b""

    def skip(self) -> None:
        """Leave out what is there."""
        self.file.seek(0, os.SEEK_END)

    def lines(self) -> Iterator[list[_Line]]:
        """Yield what was printed up to now; what comes meanwhile waits, for it may come as fast as it is shown."""
        data = self._read()
        if not data:
            return
        left = os.fstat(self.file.fileno()).st_size - self.file.tell()
        while data:
            whole, newline, self._rest = (self._rest + data).rpartition(b"\n")
            if found := list(_printed((whole + newline).split(b"\n"))):
                yield found
            data = self._read() if left > 0 else b""
            left -= len(data)

    def _read(self) -> bytes:
        try:
            return self.file.read(_BLOCK)
        except OSError:
            return b""


def _printed(lines: Iterable[bytes]) -> Iterator[_Line]:
    for line in lines:
        if _SIGN in line:
            try:
                yield _decode(line)
            except UnreadableError:
                # A text that holds the sign, or half a line of an agent that was killed.
                continue


def _print(text: str, stream: TextIO | None) -> None:
    """Write whole lines, if that is possible: what handlers print is not worth the client."""
    if stream is None:
        return
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except Exception:  # noqa: BLE001 - the user's stream: closed, a pipe that nobody reads, or of any class
        return
