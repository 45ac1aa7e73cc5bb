"""Whether the clocks of a process are still the real ones."""

import datetime as dt
import time
from operator import attrgetter
from typing import Any

#: What libraries that stop or move the time put their own in place of.
_FUNCTIONS = attrgetter(
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "localtime", "gmtime",
    "strftime", "sleep",
)  # fmt: skip
#: Some replace what is behind the functions. Who sets the machine's clock by more than this costs a worker its place.
_JUMP = 60.0


class Clocks:
    """The clocks as a handler's module has left them; what modules keep of patched ones, nobody can find again."""

    # Attributes of classes: libraries look for the functions themselves in all modules.
    _wall = staticmethod(time.time)
    _monotonic = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self.keep()

    def keep(self) -> None:
        """Take the clocks as they are for the real ones."""
        self._kept = self._look()
        self._ahead = self._wall() - self._monotonic()

    @property
    def changed(self) -> bool:
        """Whether somebody has patched them, or has set the machine's."""
        return self._look() != self._kept or abs(self._wall() - self._monotonic() - self._ahead) > _JUMP

    @staticmethod
    def _look() -> tuple[Any, ...]:
        try:
            return (dt.datetime, dt.date, *_FUNCTIONS(time))
        except AttributeError:
            # A task has deleted one.
            return ()
