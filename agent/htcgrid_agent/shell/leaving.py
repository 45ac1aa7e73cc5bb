"""Workers that end by themselves, because modules of theirs have a ``teardown()``."""

import selectors
import time
from collections.abc import Callable
from functools import partial

from htcgrid_agent.shell.logs import Log
from htcgrid_agent.shell.printed import Printed
from htcgrid_agent.shell.process import WorkerProcess

#: How often to look for one that has ended while a process that it has started holds its channel: seconds.
_LOOK = 0.1


class Leaving:
    """Waits for them beside everything else, and kills those that take longer than they may."""

    def __init__(self, selector: selectors.BaseSelector, log: Log) -> None:
        self._selector = selector
        self._log = log
        #: With what they print, and until when they may go on (monotonic seconds).
        self._workers: dict[WorkerProcess, tuple[Printed, float]] = {}

    def add(self, worker: WorkerProcess, printed: Printed, seconds: float) -> None:
        """Let an idle worker end; its channel is not watched by anybody else any more."""
        self._workers[worker] = (printed, time.monotonic() + seconds)
        self._selector.register(worker.channel, selectors.EVENT_READ, partial(self._hear, worker))
        worker.leave()

    @property
    def until(self) -> float:
        """When the next one's time is up."""
        return min((until for _, until in self._workers.values()), default=float("inf"))

    def look(self) -> None:
        """End those that have ended, whoever holds their channels, and those whose time is up."""
        now = time.monotonic()
        for worker, (_, until) in list(self._workers.items()):
            if worker.ended:
                self._end(worker)
            elif now >= until:
                self._log.warning("teardown() took too long", worker=worker.number)
                self._end(worker, kill=True)

    def finish(self, hurried: Callable[[], bool]) -> None:
        """Return once all have ended; when there is a hurry, kill them."""
        while self._workers and not hurried():
            for key, _ in self._selector.select(min(_LOOK, max(0.0, self.until - time.monotonic()))):
                key.data()
            self.look()
        self.kill()

    def kill(self) -> None:
        """End all of them at once."""
        for worker in list(self._workers):
            self._end(worker, kill=True)

    def _hear(self, worker: WorkerProcess) -> None:
        # It has nothing to say any more but that it is gone.
        if None in worker.receive():
            self._end(worker)

    def _end(self, worker: WorkerProcess, *, kill: bool = False) -> None:
        printed, _ = self._workers.pop(worker)
        self._selector.unregister(worker.channel)
        if kill:
            worker.kill()
        reason = worker.end()
        printed.close()
        worker.close()
        self._log.info("worker ended", worker=worker.number, reason=reason, killed=kill)
