"""A grid as an executor of concurrent.futures."""

import os
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from htcgrid.connector.call import CallForm
from htcgrid.connector.call_queue import Room
from htcgrid.connector.call_session import CallSession
from htcgrid.connector.call_sessions import CallSessions
from htcgrid.connector.functions import Functions
from htcgrid.connector.interrupts import brief, briefly
from htcgrid.connector.iterable import check_arguments
from htcgrid.connector.options import SessionOptions, session_of
from htcgrid.connector.target import Targets
from htcgrid.errors import ConfigError, ConflictError
from htcgrid.model import RetryPolicy, defaults
from htcgrid.model.call import PICKLED_CALL
from htcgrid.model.codec import codec_of_session
from htcgrid.model.error_text import is_a, message_of

_P = ParamSpec("_P")
_T = TypeVar("_T")


class GridExecutor(Executor):
    """Runs calls as tasks of a grid; :meth:`Grid.executor` makes one.

    Each function has a session of its own, but for those that go along pickled, which share one; each session needs two
    threads here, however many calls it has. It is opened by the first call.

    A call is handed over to the grid at once, or with ``max_workers`` once fewer are under way. Until then its future
    is pending, and can be cancelled; from then on it is running, wherever its task is. It ends with the result, or with
    the error: an exception of Python's own as itself, and any other as a :class:`TaskFailedError`; with codec
    ``pickle`` that is the one which the call raised, too.
    """

    def __init__(
        self,
        sessions: CallSessions,
        max_workers: int | None,
        options: SessionOptions,
        *,
        limit: int,
        targets: Targets,
    ) -> None:
        if max_workers is not None and (isinstance(max_workers, bool) or not isinstance(max_workers, int)):
            raise ConfigError(f"max_workers must be a whole number, or None, not {max_workers!r}")
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if options.get("retry") is None:
            options["retry"] = RetryPolicy(tries=1)
        # What is no option is told now, and not by the first call.
        session = session_of(targets.of_calls("a:function"), None, options, host=sessions.host)
        self._sessions = sessions
        self._options = options
        self._targets = targets
        self._form = CallForm(codec_of_session(session), limit, carries=targets.embedded)
        script = "" if self._form.pickles else targets.client().script
        self._functions = Functions(sessions.payloads, host=sessions.host, script=script)
        self._room = Room(defaults.AHEAD if max_workers is None else max_workers, host=sessions.host)
        self._lock = sessions.host.lock()
        #: By handler.
        self._opened: dict[str, CallSession] = {}
        self._shut = False
        # An executor that nobody holds any more ends its sessions once their calls have ended.
        weakref.finalize(self, _end, sessions.process, self._opened).atexit = False

    @briefly
    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> "Future[_T]":
        """Call ``fn(*args, **kwargs)`` on the grid; return the future of its result.

        Does not wait for the grid, but for the first call of a function, which opens a session, and with codec
        ``pickle`` once more to store a function that is called often or is large. Such a function is pickled as it is
        now; above 1 MB, as it was when it was first called, and a warning says so.

        Raises:
            RuntimeError: the executor was shut down, or is of another process.
            BrokenExecutor: the grid's services failed, or its session was cancelled.
            ConfigError: agents cannot find the function by a name; or the grid is closed.
            EncodingError: the arguments, or the function, cannot be carried.
            ProviderError: a session cannot be opened, or a function not be stored.
        """
        self._check()
        handler = self._form.handler(fn)
        session, payload = self._call(handler, fn, args, kwargs)
        future: Future[_T] = Future()
        try:
            session.put(payload, future)
        except ConflictError as error:
            self._check()
            why = error if session.error is None else session.error
            raise BrokenExecutor(f"no more calls of {handler} can be made: {message_of(why)}") from why
        return future

    def map(
        self,
        fn: Callable[..., _T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **more: Any,
    ) -> Iterator[_T]:
        """Call ``fn`` with the items of the iterables; see :meth:`concurrent.futures.Executor.map`.

        All calls are made at once, and ``chunksize`` changes nothing: short calls travel together anyway.

        Raises:
            ConfigError: an iterable would not give what its user means, as a frame, or a coroutine.
        """
        check_arguments(iterables)
        results = super().map(fn, *iterables, timeout=timeout, chunksize=chunksize, **more)
        return brief(cast("Generator[_T, None, None]", results))

    @briefly
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; see :meth:`concurrent.futures.Executor.shutdown`.

        With ``cancel_futures``, calls that were not handed over to the grid are cancelled; the others go on. When the
        wait is interrupted, all calls fail that have not ended.
        """
        if self._sessions.process != os.getpid():
            return
        opened = self._shut_down()
        for session in opened:
            if cancel_futures:
                session.cancel()
            session.end()
        if not wait:
            return
        try:
            for session in opened:
                session.wait()
        except BaseException:
            self._give_up()
            raise

    @briefly
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the calls, also after an error; after an interrupt, let those fail that have not ended.

        The processes of Python's own executors have Ctrl-C from the terminal themselves, and end.
        """
        if error is not None and is_a(error, KeyboardInterrupt):
            self._give_up()
        else:
            self.shutdown()

    def _shut_down(self) -> list[CallSession]:
        """Take no more calls; return the sessions that took some."""
        with self._lock:
            self._shut = True
            return list(self._opened.values())

    def _give_up(self) -> None:
        """Let every call fail that has not ended, and cancel the sessions, if that can be done soon."""
        if self._sessions.process != os.getpid():
            return
        opened = self._shut_down()
        for session in opened:
            session.fail(BrokenExecutor("the executor was interrupted before this call had ended"))
        for session in opened:
            session.wait_for_cancel()

    def _check(self) -> None:
        if self._sessions.process != os.getpid():
            raise RuntimeError(
                f"this executor is of process {self._sessions.process}, and its threads did not come along when "
                f"process {os.getpid()} was forked: open a grid of its own there"
            )
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        self._sessions.check()

    def _call(
        self, handler: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[CallSession, bytes]:
        """Return a call as bytes, and the session that takes it; what cannot be carried opens none."""
        if handler != PICKLED_CALL:
            payload = self._form.payload(function, args, kwargs)
            return self._opened.get(handler) or self._open(handler), payload
        pickled = self._functions.pickled(function)
        arguments = self._form.arguments(function, args, kwargs)
        session = self._opened.get(handler) or self._open(handler)
        return session, self._functions.payload(session.id, pickled, arguments)

    def _open(self, handler: str) -> CallSession:
        with self._lock:
            if handler not in self._opened:
                if self._shut:
                    raise RuntimeError("cannot schedule new futures after shutdown")
                target = self._targets.of_calls(handler)
                session = session_of(
                    target, None, self._options, host=self._sessions.host, calls=handler != PICKLED_CALL
                )
                self._opened[handler] = self._sessions.open(session, self._room, self._form.decode)
            return self._opened[handler]


def _end(process: int, opened: dict[str, CallSession]) -> None:
    # A forked child has neither the threads nor, maybe, the locks that they held.
    if process == os.getpid():
        for session in opened.values():
            session.end()
