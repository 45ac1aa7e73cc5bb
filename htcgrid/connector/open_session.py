"""A session that takes tasks until it is sealed."""

from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from htcgrid.connector.encoding import encoded_task
from htcgrid.connector.interrupts import briefly
from htcgrid.connector.iterable import check_tasks
from htcgrid.connector.notices import Notices
from htcgrid.connector.session import SessionHandle
from htcgrid.connector.submitter import Submitter
from htcgrid.connector.use import Use
from htcgrid.errors import ConflictError
from htcgrid.host import Host
from htcgrid.interfaces import PayloadStore, StateStore
from htcgrid.model import Session
from htcgrid.model.codec import codec_of_session

#: How long a session that is broken off may take to write or cancel what was added: seconds.
_PATIENCE = 10.0


class OpenSession(SessionHandle):
    """Takes tasks from any number of threads, and is sealed by the end of its ``with`` block or by :meth:`seal`."""

    def __init__(
        self,
        session: Session,
        state: StateStore,
        payloads: PayloadStore,
        *,
        submitter: Submitter,
        limit: int,
        host: Host,
        check: Use,
        notices: Notices | None = None,
    ) -> None:
        super().__init__(session, state, payloads, submitter=submitter, host=host, check=check, notices=notices)
        self._intake = submitter.intake
        self._open = submitter
        self._limit = limit
        self._encode = codec_of_session(session).encode

    def __enter__(self) -> Self:
        return self

    @briefly
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.seal()
            return
        # The caller's own error says more than what may come of this; and a process that was forked off, or has closed
        # its grid, has no threads that could do anything.
        with suppress(Exception):
            self._check()
            self._open.fail(error)
            self._open.leave(_PATIENCE)

    @briefly
    def add(self, task: Any) -> int:
        """Add a task, and return its index; it is accepted a moment later, which :attr:`accepted` counts.

        Waits while too many tasks have not ended.

        Raises:
            EncodingError: the payload cannot be carried; it is not added.
            ConflictError: the session takes no more tasks.
            Exception: what broke the submission off.
        """
        self._check()
        self._open.check()
        payload = encoded_task(self._encode, self._intake.count, task, self._limit)
        try:
            return self._intake.put(payload)
        except ConflictError:
            # What broke the submission off, maybe while this waited for room, says more.
            self._open.check(ended=True)
            raise

    def extend(self, tasks: Iterable[Any]) -> list[int]:
        """Add tasks, and return their indexes; see :meth:`add`."""
        check_tasks(tasks)
        return [self.add(task) for task in tasks]

    @briefly
    def seal(self) -> int:
        """Take no more tasks; return their number once all are accepted. Safe to repeat.

        Raises:
            Exception: what broke the submission off.
        """
        self._intake.end()
        return self.submitted()
