"""How long somebody has waited for a session without news, and what they are told about it."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from htcgrid.connector.notices import Notices
from htcgrid.connector.submitter import Submitter
from htcgrid.errors import ResultTimeoutError
from htcgrid.host import Host

if TYPE_CHECKING:
    from htcgrid.findings.standstill import Standstill

#: Most that one look counts for: a program that was stopped meanwhile has not waited: seconds.
_LOOK = 2.0
#: The pause between two looks at a standstill grows by this, up to so many times the first.
_GROWTH = 1.5
_GROWN = 10.0
#: How long one look waits whether all tasks are accepted: seconds.
_PAUSE = 1.0
#: A wait with a shorter time-out is a question how far a session is, and costs nothing more.
_BRIEF = 1.0


class Silence:
    """One wait for a session. It counts the time of looks that brought nothing, and at times asks why."""

    def __init__(self, notices: Notices, look: "Callable[[], Standstill | None]", name: str) -> None:
        self._notices = notices
        self._look = look
        self._name = name
        self._seconds = 0.0
        self._pause = notices.patience
        self._next = notices.patience
        #: Why nothing goes on, as was found last; None when something does, or nobody has looked.
        self.found: Standstill | None = None

    def looked(self, seconds: float, *, news: bool) -> None:
        """Take in a look of so many seconds, and whether it brought news; tell why there are none, when it is time."""
        if news:
            self._seconds = 0.0
            self._pause = self._next = self._notices.patience
            self.found = None
            return
        self._seconds += min(seconds, _LOOK)
        if self._seconds < self._next or self._notices.quiet:
            return
        self._next = self._seconds + self._pause
        self._pause = min(self._pause * _GROWTH, self._notices.patience * _GROWN)
        before, self.found = self.found, self._looked()
        if self.found is not None and (not self.found.fleeting or before is not None):
            self._notices.tell(self._name, self.found.text, self.found.reason)

    def unreachable(self, error: Exception, seconds: float) -> None:
        """Take in that a service could not be reached for so many seconds; tell so, when it is time."""
        if seconds >= self._notices.patience and not self._notices.quiet:
            text = f"a service of the grid cannot be reached, and is asked again for a minute: {error}"
            self._notices.tell(self._name, text, "unreachable")

    def why(self, timeout: float) -> str:
        """Return why nothing goes on, for an error after a wait of ``timeout`` seconds; empty when something does."""
        if self._seconds >= min(timeout, self._notices.patience) / 2 and timeout >= _BRIEF:
            self.found = self._looked()
        return self.found.text if self.found else ""

    def _looked(self) -> "Standstill | None":
        try:
            return self._look()
        except Exception:
            logging.getLogger(__name__).debug("cannot tell why %s waits", self._name, exc_info=True)
            return None


def accepted(
    submitter: Submitter, seconds: float | None, silence: Silence, *, host: Host, check: Callable[[], None]
) -> int:
    """Return the number of tasks once all are accepted; tell why no task ends while too many have not.

    ``check`` raises when none will.

    Raises:
        ResultTimeoutError: the time was up; the submission goes on.
        Exception: what broke it off.
    """
    deadline = None if seconds is None else host.monotonic() + seconds
    while True:
        before, began = submitter.accepted, host.monotonic()
        left = _PAUSE if deadline is None else min(_PAUSE, max(0.0, deadline - began))
        if submitter.wait_done(left):
            return submitter.wait()
        check()
        # What waits for its generator waits for no grid.
        silence.looked(host.monotonic() - began, news=submitter.accepted > before or not submitter.held_back)
        if seconds is not None and deadline is not None and host.monotonic() >= deadline:
            why = silence.why(seconds) if submitter.held_back else ""
            raise ResultTimeoutError(
                f"{submitter.accepted} tasks of session {submitter.session} were accepted after {seconds:g} s; "
                f"it goes on{f', but no task runs now: {why}' if why else ''}"
            )
