"""What a handler prints, kept by task."""

import io
import sys
from typing import BinaryIO

from htcgrid.model.outcome import Printed

#: Most bytes that are kept of each stream of one try: the last ones, for they tell how it went wrong.
LIMIT = 8_000
#: Once the tries of one report have printed this much, less is kept of each.
_BUDGET = 1 << 20
_LESS = 500


class Recorder:
    """Keeps the end of what was printed since it was last asked.

    What goes through :data:`sys.stdout` and :data:`sys.stderr` is kept, which libraries in C do not use; they are
    still in the agent's log, as everything is.
    """

    def __init__(self) -> None:
        self._streams = [_Tee(self), _Tee(self)]
        #: Whether anything was printed since it was last asked.
        self.used = False
        self._spent = 0

    def install(self) -> None:
        """Record from now on what this process prints; it still goes where it went."""
        self._files = sys.stdout.buffer, sys.stderr.buffer
        self._open()

    def renew(self) -> None:
        """Forget what was printed, and open again what a handler has closed: later tasks print, too."""
        if any(stream is None or getattr(stream, "closed", False) for stream in (sys.stdout, sys.stderr)):
            self._streams = [_Tee(self), _Tee(self)]
            self._open()
        self.drop()

    def _open(self) -> None:
        sys.stdout, sys.stderr = (stream.opened(file) for stream, file in zip(self._streams, self._files, strict=True))

    def report(self) -> None:
        """Begin another report; what tasks print counts towards the bound of one report."""
        self._spent = 0

    def take(self) -> Printed:
        """Return what was printed since the last call."""
        self.used = False
        limit = LIMIT if self._spent < _BUDGET else _LESS
        stdout, stderr = (stream.take(limit) for stream in self._streams)
        self._spent += len(stdout) + len(stderr)
        return Printed(stdout, stderr)

    def drop(self) -> None:
        """Forget what was printed."""
        self.used = False
        for stream in self._streams:
            stream.take(0)


class _Tee(io.BufferedIOBase):
    """A stream that hands on what is written, and keeps the end of it."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._kept = bytearray()
        self._dropped = 0

    def opened(self, file: BinaryIO) -> io.TextIOWrapper:
        """Return the text stream that writes to ``file`` through this."""
        self._file = file
        return io.TextIOWrapper(self, "utf-8", "backslashreplace", line_buffering=True, write_through=True)

    @property
    def name(self) -> object:
        return self._file.name

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def flush(self) -> None:
        if not self.closed:
            self._file.flush()

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override]
        self._recorder.used = True
        self._kept += data
        if len(self._kept) > 2 * LIMIT:
            self._cut(LIMIT)
        return self._file.write(data)

    def take(self, limit: int) -> str:
        self._cut(limit)
        text = self._kept.decode("utf-8", "replace")
        if self._dropped:
            text = f"({self._dropped} bytes before this were dropped)\n{text}"
        self._kept.clear()
        self._dropped = 0
        return text

    def _cut(self, limit: int) -> None:
        if (more := len(self._kept) - limit) > 0:
            del self._kept[:more]
            self._dropped += more
