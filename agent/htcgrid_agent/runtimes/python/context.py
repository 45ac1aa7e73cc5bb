"""What a handler can ask about the task that it runs."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging


class Context:
    """The second argument of a handler; valid during the call only, for one object serves all tasks of a worker."""

    # An attribute of the class: libraries that stop the time look for the function itself in all modules.
    _monotonic = staticmethod(time.monotonic)

    def __init__(self, worker: str, shared: Callable[[str], Any]) -> None:
        #: The worker that runs it, as ``agent/number``.
        self.worker = worker
        self.session_id: str = ""
        #: The task's index in its session.
        self.index: int = 0
        #: 1 for the first try.
        self.try_number: int = 1
        #: The session's labels.
        self.labels: Mapping[str, str] = {}
        #: When the grid will end this try: seconds of :func:`time.monotonic`; None for no limit.
        self.deadline: float | None = None
        self._shared = shared
        self._logger: logging.Logger | None = None
        #: The session that it was set up for.
        self._logged = ""

    def remaining(self) -> float | None:
        """Return the seconds until the grid ends this try; None for no limit."""
        return None if self.deadline is None else max(0.0, self.deadline - self._monotonic())

    @property
    def logger(self) -> "logging.Logger":
        """A logger whose lines name the task; they are kept with the outcome as all that a handler prints."""
        if self._logger is None or self._logged != self.session_id:
            # Most handlers log nothing, and importing this takes longer than most tasks.
            from htcgrid_agent.runtimes.python.task_logger import task_logger  # noqa: PLC0415

            self._logger, self._logged = task_logger(self), self.session_id
        return self._logger

    def get(self, ref: str) -> Any:
        """Return the shared input that ``grid.put`` gave this reference for.

        It is fetched once per agent. Up to 64 KiB it is made anew for each task; above that it is decoded once per
        worker, its arrays can only be read, and what is neither a small container nor a frame is shared by the tasks of
        a session, so leave it as it is.

        Raises:
            ConfigError: it is no reference.
            PayloadLostError: the input is not there any more; the task fails without another try.
            ProviderUnavailableError: it cannot be had now.
        """
        return self._shared(ref)
