"""A session of calls, and the threads that carry them."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

from htcgrid.connector.call_queue import CallQueue
from htcgrid.connector.collection import Collection, batches
from htcgrid.connector.interrupts import say
from htcgrid.connector.log import log_error
from htcgrid.connector.outcome import Outcome
from htcgrid.connector.reader import Reader
from htcgrid.connector.remote_error import for_loops, value_of
from htcgrid.connector.submitter import Submitter
from htcgrid.errors import ConflictError, TaskCancelledError
from htcgrid.model import SessionId

#: How long one look at the log waits for news: seconds.
_WAIT = 1.0
#: Whoever waits for calls is told after so long what for; and a session that is given up may take so long to be
#: cancelled: seconds.
_SILENCE = 5.0
_CANCEL = 1.0


class CallSession:
    """Two threads, however many calls: a submitter writes them, and this one's reads how they ended.

    Whoever holds no more than this does not keep its executor alive.
    """

    def __init__(
        self,
        queue: CallQueue,
        submitter: Submitter,
        reader: Reader,
        *,
        decode: Callable[[bytes], Any],
        ended: Callable[["CallSession"], None],
    ) -> None:
        self._queue = queue
        self._submitter = submitter
        #: Gives outcomes with the bytes of their values: each is decoded by itself, for one may fail to be.
        self._reader = reader
        self._decode = decode
        self._ended = ended
        #: Why it takes no more calls, if it has not just been ended.
        self.error: BaseException | None = None
        self._thread = reader.host.thread(self._run, name=f"calls {reader.session.id}")

    @property
    def id(self) -> SessionId:
        """The session's id."""
        return self._reader.session.id

    def start(self) -> None:
        """Read outcomes from now on."""
        self._thread.start()

    def put(self, payload: bytes, future: "Future[Any]") -> None:
        """Take in a call.

        Raises:
            ConflictError: it takes no more.
        """
        self._queue.put(payload, future)

    def end(self) -> None:
        """Take in no more calls; those that were taken in go on. Safe to repeat."""
        self._queue.end()

    def cancel(self) -> None:
        """Cancel the calls that were not handed over."""
        self._queue.cancel()

    def fail(self, error: BaseException) -> None:
        """Let every call that has not ended fail, and cancel the session: nobody would get a result any more."""
        self.error = error if self.error is None else self.error
        self._submitter.fail(error)
        self._queue.fail(error)

    def wait(self) -> None:
        """Return once it was ended, and so were all of its calls; say on stderr when that takes long."""
        # A future's callback that waits would wait for its own end.
        if self._thread.current:
            return
        self._thread.join(_SILENCE)
        if (count := self._queue.unfinished) and not self._reader.notices.quiet:
            calls = "1 call" if count == 1 else f"{count} calls"
            say(f"waiting for {calls} of {self._reader.session.handler} to end; Ctrl-C gives up")
        self._thread.join()

    def wait_for_cancel(self) -> None:
        """Return once its session is cancelled after :meth:`fail`, or after a moment."""
        self._submitter.leave(_CANCEL)

    def _run(self) -> None:
        try:
            collection = self._reader.collection()
            # While nothing is under way, nothing is asked.
            while self._queue.awaited():
                self._look(collection)
            # Raises what broke the submission off, if anything did; then what was not handed over fails with it.
            self._submitter.wait()
            self._queue.fail(ConflictError(f"session {self._reader.session.id} takes no more calls"))
        except BaseException as error:  # noqa: BLE001 - the top of a thread; the callers get it
            if self.error is None:
                self.fail(error)
        finally:
            self._submitter.stop()
            self._ended(self)

    def _look(self, collection: Collection) -> None:
        for batch in batches(self._reader.look(collection, _WAIT)):
            data = self._reader.packs(part.pack for _, part in batch)
            for entry, part in batch:
                for outcome in collection.outcomes(entry, part, data[part.pack.digest]):
                    self._settle(outcome)
        if collection.closed:
            for outcome in collection.cancelled_outcomes():
                self._settle(outcome)
            raise TaskCancelledError(f"session {self._reader.session.id} of the executor was cancelled")

    def _settle(self, outcome: Outcome) -> None:
        """Give a future its result; nothing keeps it here."""
        future = self._queue.take(outcome.index)
        if future is None:
            return
        try:
            with suppress(InvalidStateError):
                self._finish(future, outcome)
        except BaseException as error:  # noqa: BLE001 - of a callback, of a kind that concurrent.futures lets through
            log_error(logging.getLogger(__name__), error, "a callback of a future raised")

    def _finish(self, future: "Future[Any]", outcome: Outcome) -> None:
        value, error = value_of(outcome, self._decode, builtins=True)
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(for_loops(error))
