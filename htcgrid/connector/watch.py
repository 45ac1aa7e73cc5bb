"""Calling somebody back as tasks end."""

import logging
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

from htcgrid.connector.duration import seconds_of
from htcgrid.connector.interrupts import briefly
from htcgrid.connector.log import log_error
from htcgrid.connector.outcome import Outcome
from htcgrid.connector.reader import Reader
from htcgrid.errors import HtcGridError, ResultTimeoutError
from htcgrid.model.error_text import said
from htcgrid.plain_text import plain


class Watch:
    """Calls back with each outcome of a session, one after the other, in a thread of its own.

    A callback that raises gets the next outcome all the same: the error is logged, and :meth:`wait` raises it.
    """

    def __init__(self, reader: Reader, callback: Callable[[Outcome], object]) -> None:
        self._reader = reader
        self._callback = callback
        self._stopped = reader.host.flag()
        self._done = reader.host.flag()
        self._error: BaseException | None = None
        #: The outcomes that the callback was called with.
        self.called = 0
        reader.host.thread(self._run, name=f"watch {reader.session.id}").start()

    def stop(self) -> None:
        """Call back no more, from the next outcome on. Safe to repeat."""
        self._stopped.set()

    @briefly
    def wait(self, *, timeout: float | timedelta | None = None) -> int:
        """Return how often it called back, once it was with every outcome or was stopped.

        Raises:
            ResultTimeoutError: the time was up; calling back goes on.
            Exception: the first that the callback raised, or what ended the reading.
        """
        seconds = seconds_of(timeout)
        if not self._done.wait(seconds):
            raise ResultTimeoutError(
                f"{self.called} tasks of session {self._reader.session.id} had ended after {seconds:g} s; others go on"
            )
        if self._error is not None:
            raise self._error
        return self.called

    def _run(self) -> None:
        try:
            with closing(self._reader.outcomes()) as outcomes:
                for outcome in outcomes:
                    if self._stopped.is_set():
                        return
                    self._call(outcome)
        except BaseException as error:  # noqa: BLE001 - the top of a thread; the caller gets it
            self._error = error if self._error is None else self._error
            self._log_end(error)
        finally:
            self._done.set()

    def _log_end(self, error: BaseException) -> None:
        try:
            self._reader.check()
        except HtcGridError:
            # The grid was closed, as whoever closed it knows.
            return
        logging.getLogger(__name__).error(
            "no more outcomes of session %s: %s", plain(self._reader.session.id), plain(said(error))
        )

    def _call(self, outcome: Outcome) -> None:
        self.called += 1
        try:
            self._callback(outcome)
        except BaseException as error:  # noqa: BLE001 - it is logged, and raised by wait
            # SystemExit, too: it would end the thread, and nothing else.
            self._error = error if self._error is None else self._error
            message = "a callback of session %s raised at task %d"
            log_error(logging.getLogger(__name__), error, message, plain(self._reader.session.id), outcome.index)
