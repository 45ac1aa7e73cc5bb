"""What one worker prints, on its way from two pipes to the agent's log."""

import contextlib
import os
import selectors
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import IO, Any

from htcgrid_agent.shell.logs import Log
from htcgrid_agent.shell.output import Output

#: As much as a pipe holds, so that one read empties it.
_PIPE = 1 << 16


class Printed:
    """Reads when there is something; nothing here blocks."""

    def __init__(self, worker: int, pipes: Mapping[str, IO[bytes]], selector: selectors.BaseSelector, log: Log) -> None:
        self._worker = worker
        self._pipes = dict(pipes)
        self._selector = selector
        self._log = log
        self._outputs = {stream: Output() for stream in pipes}
        #: What the log says of the bundle that the worker was last handed tasks of.
        self._facts: dict[str, Any] = {}
        for stream, pipe in pipes.items():
            selector.register(pipe, selectors.EVENT_READ, partial(self._read, stream))

    def begin(self, facts: dict[str, Any]) -> None:
        """Note that the worker is handed tasks of another run: what it printed before is not theirs."""
        self._facts = facts
        for output in self._outputs.values():
            output.mark()

    def settle(self) -> None:
        """Log what has no end of a line, too: the tasks that printed it have ended."""
        for stream, output in self._outputs.items():
            if output.unsettled:
                self._say(stream, output.settle(time.monotonic()))

    def read(self) -> None:
        """Read what there is now, whether the selector told so or not."""
        for stream in list(self._pipes):
            self._read(stream)

    def close(self) -> str:
        """Log what there is, and let go of the pipes; return the end of what was printed in the last run."""
        self.read()
        for stream, output in self._outputs.items():
            self._say(stream, output.close())
            self._unwatch(stream)
        return "".join(output.tail for output in self._outputs.values())

    @property
    def facts(self) -> dict[str, Any]:
        """What the log says of the bundle that the worker was last handed tasks of."""
        return self._facts

    def _read(self, stream: str) -> None:
        pipe = self._pipes.get(stream)
        if pipe is None:
            # It was closed by an event of the same turn.
            return
        try:
            data = os.read(pipe.fileno(), _PIPE)
        except BlockingIOError:
            return
        if data:
            self._say(stream, self._outputs[stream].feed(data, time.monotonic()))
        else:
            # The handler closed it; that is its own affair.
            self._unwatch(stream)

    def _say(self, stream: str, lines: Iterable[str]) -> None:
        for line in lines:
            self._log.info("printed", **self._facts, worker=self._worker, stream=stream, line=line)

    def _unwatch(self, stream: str) -> None:
        pipe = self._pipes.pop(stream, None)
        if pipe is not None:
            with contextlib.suppress(KeyError):
                self._selector.unregister(pipe)
