"""The sessions of calls that one grid has open."""

import os
import sys
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from htcgrid.connector.call_queue import CallQueue, Room
from htcgrid.connector.call_session import CallSession
from htcgrid.connector.interrupts import program_was_interrupted, say
from htcgrid.connector.notices import Notices
from htcgrid.connector.reader import Reader
from htcgrid.connector.submissions import Submissions
from htcgrid.connector.submitter import OnError, Rule
from htcgrid.connector.use import Use
from htcgrid.errors import ConfigError
from htcgrid.host import Host
from htcgrid.interfaces import PayloadStore, StateStore
from htcgrid.model import Session


class CallSessions:
    """Opens sessions of calls, and waits for them when the grid is closed or the interpreter ends.

    As with the executors of concurrent.futures, what was submitted is done before the interpreter ends.
    """

    def __init__(
        self,
        submissions: Submissions,
        state: StateStore,
        payloads: PayloadStore,
        *,
        host: Host,
        check: Use,
        notices: Notices,
    ) -> None:
        self._submissions = submissions
        self._state = state
        self.payloads = payloads
        self.host = host
        self._check = check
        self._notices = notices
        #: Whether the grid is being closed: what goes on is waited for, and no more is taken.
        self._closing = False
        self._lock = host.lock()
        #: Those that may not have ended. Each holds this object, and so keeps it for as long as calls go on.
        self._open: list[CallSession] = []
        #: The process whose threads carry the calls.
        self.process = os.getpid()
        self._registered = False
        #: Whether the interpreter ends.
        self.ending = False

    def check(self) -> None:
        """Raise when no more calls are taken.

        Raises:
            RuntimeError: the interpreter ends.
            ConfigError: the grid is closed.
        """
        if self.ending:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")
        if self._closing:
            raise ConfigError("this grid is closed: use its executors inside its 'with' block")
        self._check()

    def open(self, session: Session, room: Room, decode: Callable[[bytes], Any]) -> CallSession:
        """Record a session, and return what takes its calls.

        Raises:
            RuntimeError: the interpreter ends.
            ProviderError: it cannot be recorded.
        """
        self._watch_the_end()
        queue = CallQueue(room)
        # The room is what bounds it, and may be larger than any other bound.
        rule = Rule(on_error=OnError.CANCEL, ahead=sys.maxsize, named=False)
        submitter = self._submissions.submit_from(session, queue, rule)

        # Once its calls have failed, nobody is patient with a store any more.
        check = self._check.also(submitter.check)
        reader = Reader(
            session,
            self._state,
            self.payloads,
            submitter=submitter,
            decode=bytes,
            host=self.host,
            check=check,
            notices=self._notices,
        )
        opened = CallSession(queue, submitter, reader, decode=decode, ended=self._forget)
        with self._lock:
            self._open.append(opened)
            opened.start()
            late = self._closing
        if late:
            # The others were told before this one was among them.
            opened.fail(_closed())
        return opened

    def wait(self) -> None:
        """Take no more calls, and return when all have ended; when this is interrupted, let the others fail."""
        opened = self._close()
        for session in opened:
            session.end()
        try:
            for session in opened:
                session.wait()
        except BaseException:
            self.fail()
            raise

    def fail(self) -> None:
        """Take no more calls, and let every one that has not ended fail."""
        for session in self._close():
            session.fail(_closed())

    def _close(self) -> list[CallSession]:
        """Open no more sessions; return those that may not have ended."""
        if self.process != os.getpid():
            # A forked child has neither the threads nor, maybe, the locks that they held.
            return []
        with self._lock:
            self._closing = True
            return list(self._open)

    def _forget(self, session: CallSession) -> None:
        with self._lock:
            self._open.remove(session)
        self._submissions.forget_ended()

    def _watch_the_end(self) -> None:
        """Have the calls ended before the interpreter ends: its daemon threads, and atexit, come too late for that."""
        with self._lock:
            if self._registered:
                return
            try:
                self.host.at_exit(partial(_finish, weakref.ref(self)))
            except RuntimeError as error:
                raise RuntimeError("cannot schedule new futures after interpreter shutdown") from error
            self._registered = True


def _closed() -> ConfigError:
    return ConfigError("the grid was closed before this call had ended")


def _finish(reference: "weakref.ref[CallSessions]") -> None:
    sessions = reference()
    if sessions is not None:
        sessions.ending = True
        if program_was_interrupted():
            sessions.fail()
            return
        try:
            sessions.wait()
        except KeyboardInterrupt:
            # Python would show a traceback of its own threads' end.
            say("interrupted; calls that had not ended were given up")
