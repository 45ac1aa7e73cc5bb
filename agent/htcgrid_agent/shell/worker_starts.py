"""The starts of an agent's workers, until one of them is ready."""

from collections import Counter
from collections.abc import Callable

from htcgrid.errors import ProviderError
from htcgrid_agent.shell.logs import Log

#: So many starts of each worker that went wrong are no accident.
_ENOUGH = 3
#: How much of the last line that the last one printed is told: letters.
_LENGTH = 500


class WorkerStarts:
    """Says in an embedded grid's log when its agent is ready, or gives up, by ``crash``, when no worker can be started.

    An agent that stays has no ``crash``, and goes on trying: whatever is wrong may be over in an hour.
    """

    def __init__(self, log: Log, crash: Callable[[BaseException], None] | None) -> None:
        self._log = log
        self._crash = crash
        self._ready = False
        #: By worker.
        self._failed: Counter[int] = Counter()

    def begin(self, worker: int) -> None:
        """Take note that a worker is started; at first they all are, before any can end."""
        self._failed[worker] += 0

    def ready(self) -> None:
        """Take note that a worker is ready."""
        if not self._ready and self._crash is not None:
            # Its client looks for this.
            self._log.info("agent ready")
        self._ready = True

    def failed(self, worker: int, reason: str, printed: str = "") -> None:
        """Take note that a worker could not be started, or has ended; one that is slow may still be ready."""
        self._failed[worker] += 1
        if self._ready or self._crash is None or min(self._failed.values()) < _ENOUGH:
            return
        last = printed.strip().rpartition("\n")[2][-_LENGTH:]
        self._crash(
            ProviderError(
                f"no worker can be started: each was tried {_ENOUGH} times, and the last {reason}"
                f"{f' after it had printed: {last}' if last else ''}"
            )
        )
