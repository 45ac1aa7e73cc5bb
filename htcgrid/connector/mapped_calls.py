"""Calling a function with each item of iterables, and getting the results as an iterator."""

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from typing import Any

from htcgrid.connector.call import CallForm
from htcgrid.connector.notices import Notices
from htcgrid.connector.outcome import Outcome
from htcgrid.connector.reader import Reader
from htcgrid.connector.remote_error import value_of
from htcgrid.connector.submissions import Blobs, Submissions
from htcgrid.connector.submitter import OnError, Rule, Submitter
from htcgrid.connector.use import Use
from htcgrid.connector.window import Window
from htcgrid.errors import ConfigError, HtcGridError
from htcgrid.host import Host
from htcgrid.interfaces import PayloadStore, StateStore
from htcgrid.model import Session, defaults


class MappedCalls:
    """One call of :meth:`Grid.map`, from its first item to its last result, or until nobody wants any more."""

    def __init__(
        self,
        session: Session,
        payloads: Iterable[bytes],
        submissions: Submissions,
        state: StateStore,
        payload_store: PayloadStore,
        *,
        form: CallForm,
        ahead: int,
        host: Host,
        check: Use,
        notices: Notices,
        blobs: Blobs | None = None,
    ) -> None:
        self._session = session
        self._payloads = payloads
        self._blobs = blobs
        self._submissions = submissions
        self._state = state
        self._payload_store = payload_store
        self._form = form
        self._window = Window(ahead, host=host)
        self._host = host
        self._check = check
        self._notices = notices
        self._process = os.getpid()
        #: Once it has begun, until it has ended.
        self._submitter: Submitter | None = None

    def results(self, *, ordered: bool, return_exceptions: bool, progress: bool | None) -> Generator[Any, None, None]:
        """Begin, and yield the results; when left early, cancel the session."""
        self._check()
        # The window is what bounds it, at no request's cost.
        rule = Rule(on_error=OnError.RUN, ahead=defaults.AHEAD, named=False)
        self._submitter = self._submissions.submit_drawn(
            self._session, self._window.let_through(self._payloads), rule, self._blobs
        )
        # Values are decoded one by one: each may fail to be, and those that wait for their turn are small as bytes.
        reader = Reader(
            self._session,
            self._state,
            self._payload_store,
            submitter=self._submitter,
            decode=bytes,
            host=self._host,
            check=self._check,
            notices=self._notices,
        )
        try:
            with closing(reader.outcomes(bar=reader.bar(progress))) as outcomes:
                for outcome in _in_order(outcomes) if ordered else outcomes:
                    yield self._result(outcome, return_exceptions)
                    self._window.leave()
            self._check_whole()
        except BaseException:
            self.stop()
            raise
        self._submitter = None

    def _check_whole(self) -> None:
        """Raise when the grid was closed meanwhile: to end then would look as if there were no more results."""
        if self._submitter is None:
            self._check()
            raise ConfigError("this grid is closed")

    def stop(self) -> None:
        """Take no more items, and cancel the session. Safe to repeat; a forked child leaves both to its parent."""
        if self._process != os.getpid():
            return
        self._window.close()
        submitter, self._submitter = self._submitter, None
        if submitter is not None:
            submitter.stop(seal=False)
            # Whoever leaves early does not wait for anything, and what made others leave says more.
            with suppress(HtcGridError):
                self._state.cancel([self._session.id])

    def _result(self, outcome: Outcome, return_exceptions: bool) -> Any:
        value, error = value_of(outcome, self._form.decode)
        if error is None:
            return value
        if return_exceptions:
            return error
        raise error


def _in_order(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Yield outcomes in the order of their tasks, each as soon as those before it are there."""
    early: dict[int, Outcome] = {}
    index = 0
    for outcome in outcomes:
        early[outcome.index] = outcome
        while index in early:
            yield early.pop(index)
            index += 1
