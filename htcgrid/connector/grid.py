"""The grid as its clients see it."""

import atexit
import os
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from htcgrid.config import Config, find_config, parse_config, read_config
from htcgrid.connector.again import failed_in, function_of, payloads_of, session_again, with_functions
from htcgrid.connector.call import CallForm
from htcgrid.connector.call_sessions import CallSessions
from htcgrid.connector.embedded import EmbeddedGrid, Shown
from htcgrid.connector.encoding import codec_of_client, encoded, refuse_to_unpickle
from htcgrid.connector.executor import GridExecutor
from htcgrid.connector.functions import Functions, payloads_of_map
from htcgrid.connector.interrupts import brief, briefly
from htcgrid.connector.iterable import check_arguments, check_tasks
from htcgrid.connector.listing import SessionFilter, checked_id, listed, since_of
from htcgrid.connector.mapped_calls import MappedCalls
from htcgrid.connector.notices import Notices
from htcgrid.connector.open_session import OpenSession
from htcgrid.connector.options import MapOptions, SessionOptions, session_of
from htcgrid.connector.reader import Reader
from htcgrid.connector.session import SessionHandle
from htcgrid.connector.shared import put_shared
from htcgrid.connector.submissions import Submissions
from htcgrid.connector.submitter import rule_of
from htcgrid.connector.target import Targets, check_call
from htcgrid.connector.use import Use
from htcgrid.descriptors import few_descriptors_told, hold_standard_streams
from htcgrid.errors import ConfigError, SessionNotFoundError
from htcgrid.host import Host, RealHost
from htcgrid.interfaces import BEGINNING, PayloadStore, StateStore, TaskQueue, total_usage
from htcgrid.model import AgentStatus, RetryPolicy, SessionStatus, SharedRef, check_name, defaults
from htcgrid.model.call import PICKLED_CALL
from htcgrid.model.codec import PICKLE, TYPED, codec_of, codec_of_session
from htcgrid.model.table import table
from htcgrid.nesting import mark_of, refusal, refuse_embedded

_A = TypeVar("_A")
_B = TypeVar("_B")
_C = TypeVar("_C")
_T = TypeVar("_T")

#: Set by a worker while it imports a handler's module (htcgrid_agent.runtimes.python.loader).
_LOADING = "HTCGRID_LOADING_HANDLER"


class Grid:
    """A connection to a grid: submit tasks, find sessions. Use it in a ``with`` block, from any number of threads."""

    def __init__(
        self,
        state: StateStore,
        queue: TaskQueue,
        payloads: PayloadStore,
        *,
        config: Config | None = None,
        host: Host | None = None,
        resources: ExitStack | None = None,
        quiet: bool = False,
        embedded: EmbeddedGrid | None = None,
    ) -> None:
        self._state = state
        self._queue = queue
        self._payloads = payloads
        #: What the grid was opened by.
        self.config = config
        self._resources = resources or ExitStack()
        self._closed = False
        #: A process that is forked off this one has its memory, and none of its threads and agents.
        self._process = os.getpid()
        self._host = host or RealHost()
        self._notices = Notices(
            host=self._host,
            quiet=quiet,
            patience=state.limits.notice,
            lease=defaults.LEASE if config is None else timedelta(seconds=config.agent.lease),
            embedded="" if embedded is None else str(embedded.folder),
        )
        #: Raises when the agents that this process is to have cannot be started.
        self._check_agents = None if embedded is None else embedded.check
        self._use = Use(
            self._check_wait,
            wait=None if config is None else refusal(mark_of(config)),
            arrived=None if embedded is None else embedded.show_output,
        )
        self._submissions = Submissions(state, queue, payloads, host=self._host, check=self._use, notices=self._notices)
        self._calls = CallSessions(
            self._submissions, state, payloads, host=self._host, check=self._use, notices=self._notices
        )
        self._mapped: weakref.WeakSet[MappedCalls] = weakref.WeakSet()
        self._targets = Targets(limit=payloads.limits.size)

    @classmethod
    @briefly
    def open(
        cls,
        config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        folder: str | os.PathLike[str] | None = None,
        workers: int | None = None,
        output: Shown = True,
        quiet: bool = False,
    ) -> Self:
        """Open the grid that a grid.toml describes, or an embedded one.

        Without ``config``, the file is ``$HTCGRID_CONFIG`` or ``./grid.toml``. When there is none, or with ``folder``,
        an embedded grid starts: it runs tasks on the cores that this process may use, while it is open.

        Args:
            config: a grid.toml, or the same as a mapping.
            folder: where an embedded grid keeps its sessions; a temporary folder when left out.
            workers: worker processes of an embedded grid; one per usable core when left out.
            output: whether what handlers of an embedded grid print is shown on this process's stdout and stderr, with
                the worker's number before each line once several have printed; with ``stderr``, all of it there.
            quiet: show nothing to whoever waits: no line that says why nothing goes on, which is otherwise a warning of
                the logger ``htcgrid``, and no progress bar by itself.

        Raises:
            ConfigError: the configuration is not right; or this is inside a handler, and the grid would be embedded.
            ProviderError: a service cannot be used.
        """
        if name := os.environ.get(_LOADING):
            raise ConfigError(
                f"a grid was opened while a worker imported the handler {name!r}: "
                "put the code that opens it under 'if __name__ == \"__main__\":'"
            )
        if not isinstance(config, str | os.PathLike | Mapping | None):
            raise ConfigError(f"config must be a grid.toml's path or a mapping, not {config!r}")
        if not isinstance(folder, str | os.PathLike | None) or folder == "":
            raise ConfigError(f"folder must be a path, not {folder!r}")
        if config is not None and (folder is not None or workers is not None):
            raise ConfigError("folder and workers are for an embedded grid; with config, leave them out")
        if not isinstance(output, bool) and output != "stderr":
            raise ConfigError(f"output must be True, False or 'stderr', not {output!r}")
        if not isinstance(quiet, bool):
            raise ConfigError(f"quiet must be True or False, not {quiet!r}")
        with few_descriptors_told(), ExitStack() as stack:
            hold_standard_streams()
            found = find_config() if config is None and folder is None and workers is None else config
            if found is None:
                return cls._embedded(None if folder is None else Path(folder), workers, quiet=quiet, output=output)
            parsed = parse_config(found) if isinstance(found, Mapping) else read_config(Path(found))
            return cls._configured(parsed, stack, quiet=quiet)

    @classmethod
    def _embedded(cls, folder: Path | None, workers: int | None, *, quiet: bool, output: Shown) -> Self:
        refuse_embedded()
        with ExitStack() as stack:
            embedded = EmbeddedGrid(folder, workers, output)
            stack.callback(embedded.close)
            # Closed in the reverse order: the stores before the agents and the folder.
            grid = cls._configured(embedded.config, stack, quiet=quiet, embedded=embedded)
            stack.callback(grid.close)
            grid._targets = Targets(opened_with=embedded.search_path, limit=grid._payloads.limits.size)  # noqa: SLF001
            embedded.start()
            stack.pop_all()
        # Nobody may close it.
        atexit.register(grid._leave)  # noqa: SLF001 - of this class
        return grid

    @classmethod
    def _configured(
        cls, config: Config, resources: ExitStack, *, quiet: bool, embedded: EmbeddedGrid | None = None
    ) -> Self:
        """Return a grid that takes over ``resources`` and adds its stores to them."""
        state = config.open_state()
        resources.callback(state.close)
        queue = config.open_queue()
        resources.callback(queue.close)
        payloads = config.open_payloads()
        resources.callback(payloads.close)
        return cls(
            state,
            queue,
            payloads,
            config=config,
            resources=resources.pop_all(),
            quiet=quiet,
            embedded=embedded,
        )

    def __repr__(self) -> str:
        return f"<grid: {', '.join(f'{name} {value}' for name, value in self._facts().items())}>"

    def _repr_html_(self) -> str:
        return table("grid", self._facts())

    def _facts(self) -> dict[str, str]:
        """Return what tells this grid from others; nothing is asked for that."""
        services = {"state": self._state, "queue": self._queue, "payloads": self._payloads}
        facts = {name: type(service).__name__ for name, service in services.items()}
        if self.config is not None:
            facts["folder"] = str(self.config.folder)
        return facts | ({"closed": "yes"} if self._closed else {})

    def __enter__(self) -> Self:
        return self

    @briefly
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is not None and self._process == os.getpid():
                self._calls.fail()
                self._submissions.break_off(error)
        except KeyboardInterrupt:
            # A second one waits for nothing.
            self._leave()
            raise
        self.close()

    @briefly
    def close(self) -> None:
        """Free what the grid holds, and end an embedded grid's agents. Safe to repeat; sessions are not touched.

        Waits until the generators that were submitted have ended, and the calls of its executors. What
        :meth:`map` has not yielded is cancelled. In a process that was forked off the one that opened it, this does
        nothing: the grid is the other's.
        """
        if self._process != os.getpid():
            return
        try:
            for one in list(self._mapped):
                one.stop()
            self._calls.wait()
            self._submissions.wait()
        finally:
            self._leave()

    def _leave(self) -> None:
        """Free what the grid holds, and wait for nothing else; in the process that opened it."""
        if self._process == os.getpid():
            self._closed = True
            atexit.unregister(self._leave)
            self._resources.close()

    @briefly
    def submit(
        self,
        handler: str | Callable[..., Any],
        tasks: Iterable[Any],
        *,
        id: str | None = None,  # noqa: A002 - the word that a user looks for
        priority: int = defaults.PRIORITY,
        retry: RetryPolicy | None = None,
        timeout: float | timedelta | None = None,
        codec: str = TYPED,
        lossy: bool = False,
        pool: str = defaults.POOL,
        labels: Mapping[str, str] | None = None,
        keep_for: float | timedelta | None = None,
        output: Literal["failed", "all", "none"] = "failed",
        on_error: Literal["cancel", "run", "leave"] | None = None,
        ahead: int = defaults.AHEAD,
    ) -> SessionHandle:
        """Submit one task per item of ``tasks``; one that fails is tried three times in all.

        For a grid's faults mostly pass: spot machines, licences, full disks. A task that fails for good costs two more
        runs, unless ``retry`` is ``RetryPolicy(tries=1)``.

        Of a list, or whatever else can be gone through twice, every task is accepted when this returns. A generator is
        gone through beside the caller, and its first tasks run while it makes the later ones:
        :attr:`SessionHandle.accepted` counts them, :meth:`SessionHandle.submitted` waits for the last. It is held up
        while too many of its tasks have not ended. The grid waits for its end when the ``with`` block ends.

        With an ``id`` of the caller's, submitting again is one submission, also after a crash in the middle: what was
        accepted before is recognised, and the rest is added. Costs 1 request per 128 bundles or 8 MiB of payloads, and
        1 to seal; of a generator, also 1 whenever 20 ms have passed and tasks have come.

        Args:
            handler: ``module:function``, or a function that agents can import by its name; on an embedded grid, or
                with codec ``pickle``, anything that can be called with an event, and with a context if it takes one.
                What it returns is the result; that of an ``async`` function is awaited.
            tasks: the payloads: what the codec can carry.
            id: the session's id; made up when left out.
            priority: 0 to 3, higher first.
            retry: when a task that went wrong is tried again; as ``RetryPolicy()`` when left out: three tries.
            timeout: the longest that one try of one task may take, in seconds; None for no limit.
            codec: for payloads and results: ``typed`` keeps Python's plain types, dataclasses, Enums and what numpy
                and pandas have, exactly, and refuses the rest; ``json`` and ``msgpack`` keep what programs in any
                language have, and refuse the rest; ``bytes``; or ``pickle``, for any object, on agents that allow it:
                whoever can send it can run any code there.
            lossy: with ``json`` or ``msgpack``, send what they do not have as what comes near it: tuples as lists,
                dataclasses as dicts, keys that are numbers as text.
            pool: which agents run it.
            labels: words to find the session by.
            keep_for: how long the session is kept after its last task has ended, in seconds; 7 days when left out.
            output: of which tasks the end of what their handler printed is kept with the outcome, up to 8,000 bytes of
                stdout and of stderr each.
            on_error: what becomes of a session when its tasks cannot all be submitted: ``cancel`` it, ``run`` those
                that were accepted, or ``leave`` it open, to be submitted again under its id. When left out, a session
                with an id of the caller's is left open, and another is cancelled.
            ahead: most tasks of a generator that are accepted and have not ended.

        Raises:
            ConfigError: an argument is not right.
            EncodingError: a payload cannot be carried.
            ConflictError: the id is taken by other content.
        """
        self._check_wait()
        check_tasks(tasks)
        options = SessionOptions(
            priority=priority,
            retry=retry,
            timeout=timeout,
            codec=codec,
            lossy=lossy,
            pool=pool,
            labels=labels,
            keep_for=keep_for,
            output=output,
        )
        target = self._targets.of_events(handler, codec)
        session = session_of(target, id, options, host=self._host)
        rule = rule_of(on_error, ahead, named=id is not None)
        payloads = encoded(codec_of_session(session).encode, tasks, self._limit)
        if isinstance(tasks, Iterator):
            return self._submissions.submit_beside(session, payloads, rule, target.blobs(session.id))
        return self._submissions.submit_all(session, payloads, rule, target.blobs(session.id))

    @briefly
    def open_session(
        self,
        handler: str | Callable[..., Any],
        *,
        id: str | None = None,  # noqa: A002 - the word that a user looks for
        on_error: Literal["cancel", "run", "leave"] | None = None,
        ahead: int = defaults.AHEAD,
        **options: Unpack[SessionOptions],
    ) -> OpenSession:
        """Open a session that takes tasks one by one until it is sealed, which the end of its ``with`` block does.

        All options are those of :meth:`submit`; ``on_error`` also says what becomes of the session when its block ends
        with an error. Tasks are written beside the caller, as those of a generator are: at once, but for a session with
        an ``id``, where from the 33rd on they wait until their bundle is full or the session is sealed.

        Raises:
            ConfigError: an argument is not right.
            ConflictError: the id is taken by other content.
        """
        self._check_wait()
        rule = rule_of(on_error, ahead, named=id is not None)
        target = self._targets.of_events(handler, options.get("codec", TYPED))
        session = session_of(target, id, options, host=self._host)
        return self._submissions.open(session, rule, self._limit, target.blobs(session.id))

    @briefly
    def put(
        self, data: Any, *, codec: str = TYPED, lossy: bool = False, keep_for: float | timedelta | None = None
    ) -> SharedRef:
        """Store data that many tasks read, once; return a reference for their payloads.

        A handler has it back by ``context.get(reference)``; as an argument of :meth:`map` or of an executor's call, the
        reference arrives as the data. An agent fetches it once, whichever of its workers ask, and
        a worker decodes it once. It is collected ``keep_for`` after this call, whether sessions use it or not. Costs 2
        requests.

        Args:
            data: what the codec can carry, up to the payload store's largest object.
            codec: ``typed``, ``json``, ``msgpack``, ``bytes`` or, where agents allow it, ``pickle``.
            lossy: as in :meth:`submit`.
            keep_for: how long it is kept, in seconds; 7 days when left out.

        Raises:
            ConfigError: an argument is not right.
            EncodingError: the data cannot be carried.
        """
        self._check()
        return put_shared(self._state, self._payloads, data, codec_of(codec, lossy=lossy), keep_for, host=self._host)

    @overload
    def map(
        self,
        function: Callable[[_A], _T],
        a: Iterable[_A | SharedRef],
        /,
        *,
        return_exceptions: Literal[False] = False,
        **options: Unpack[MapOptions],
    ) -> Generator[_T, None, None]: ...
    @overload
    def map(
        self,
        function: Callable[[_A, _B], _T],
        a: Iterable[_A | SharedRef],
        b: Iterable[_B | SharedRef],
        /,
        *,
        return_exceptions: Literal[False] = False,
        **options: Unpack[MapOptions],
    ) -> Generator[_T, None, None]: ...
    @overload
    def map(
        self,
        function: Callable[[_A, _B, _C], _T],
        a: Iterable[_A | SharedRef],
        b: Iterable[_B | SharedRef],
        c: Iterable[_C | SharedRef],
        /,
        *,
        return_exceptions: Literal[False] = False,
        **options: Unpack[MapOptions],
    ) -> Generator[_T, None, None]: ...
    @overload
    def map(
        self,
        function: Callable[..., _T],
        a: Iterable[Any],
        b: Iterable[Any],
        c: Iterable[Any],
        d: Iterable[Any],
        /,
        *more: Iterable[Any],
        return_exceptions: Literal[False] = False,
        **options: Unpack[MapOptions],
    ) -> Generator[_T, None, None]: ...
    @overload
    def map(
        self,
        function: Callable[[_A], _T],
        a: Iterable[_A | SharedRef],
        /,
        *,
        return_exceptions: bool,
        **options: Unpack[MapOptions],
    ) -> Generator[_T | Exception, None, None]: ...
    @overload
    def map(
        self,
        function: Callable[[_A, _B], _T],
        a: Iterable[_A | SharedRef],
        b: Iterable[_B | SharedRef],
        /,
        *,
        return_exceptions: bool,
        **options: Unpack[MapOptions],
    ) -> Generator[_T | Exception, None, None]: ...
    @overload
    def map(
        self,
        function: Callable[[_A, _B, _C], _T],
        a: Iterable[_A | SharedRef],
        b: Iterable[_B | SharedRef],
        c: Iterable[_C | SharedRef],
        /,
        *,
        return_exceptions: bool,
        **options: Unpack[MapOptions],
    ) -> Generator[_T | Exception, None, None]: ...
    @overload
    def map(
        self,
        function: Callable[..., _T],
        a: Iterable[Any],
        b: Iterable[Any],
        c: Iterable[Any],
        d: Iterable[Any],
        /,
        *more: Iterable[Any],
        return_exceptions: bool,
        **options: Unpack[MapOptions],
    ) -> Generator[_T | Exception, None, None]: ...
    @overload
    def map(
        self,
        function: str,
        /,
        *iterables: Iterable[Any],
        return_exceptions: bool = False,
        **options: Unpack[MapOptions],
    ) -> Generator[Any, None, None]: ...
    @briefly
    def map(
        self,
        function: str | Callable[..., Any],
        *iterables: Iterable[Any],
        ordered: bool = True,
        return_exceptions: bool = False,
        ahead: int = defaults.AHEAD_OF_MAP,
        progress: bool | None = None,
        **options: Unpack[SessionOptions],
    ) -> Generator[Any, None, None]:
        """Return an iterator of ``function(*items)`` for the items of the iterables, the first of each, and so on.

        The first result that is asked for opens a session. Items are taken beside the caller, and no more than
        ``ahead`` before their results are; so the iterables may be endless. The shortest ends it. Leaving the iterator
        early, with ``close()`` or by an error, cancels the session, and so does closing the grid.

        A call that fails raises :class:`TaskFailedError` at its place; with codec ``pickle``, what the function raised.
        What an iterable raises comes after the results of the items before it.

        Args:
            function: one that agents can import by its name, or that name; on an embedded grid, or with codec
                ``pickle``, anything that can be called: it is pickled now, and sent once. It is called with the items,
                and no context.
            iterables: the arguments: what the codec can carry, and references of :meth:`put` for what is large.
            ordered: yield the results in the order of the items, and not as they come.
            return_exceptions: yield the exception of a call that fails, and do not raise.
            ahead: most calls that are made and whose results have not been taken.
            progress: show a bar while results are awaited, or do not; when left out, as in
                :meth:`SessionHandle.results`.
            options: those of :meth:`submit`; ``timeout`` is for one try of one call.

        Raises:
            ConfigError: an argument is not right.
            EncodingError: the function cannot be pickled.
        """
        self._check_awaited()
        rule_of(None, ahead, named=False)
        if not iterables:
            raise ConfigError("map needs one iterable for each argument of the function, and at least one")
        check_arguments(iterables)
        described = session_of(self._targets.of_calls("a:function"), None, options, host=self._host)
        form = CallForm(codec_of_session(described), self._limit)
        # Not strict: as the map that Python has, it ends with the shortest.
        items = zip(*iterables, strict=False)
        if form.pickles and not isinstance(function, str):
            check_call(function, len(iterables))
            session = session_of(self._targets.of_calls(form.handler(function)), None, options, host=self._host)
            functions, blobs = Functions(self._payloads, host=self._host), None
            payloads = payloads_of_map(functions, session.id, functions.pickled(function), form, items)
        else:
            target = self._targets.of_map(function, len(iterables))
            session = session_of(target, None, options, host=self._host, calls=True)
            blobs = target.blobs(session.id)
            payloads = (form.payload(function, args, {}) for args in items)
        made = MappedCalls(
            session,
            payloads,
            self._submissions,
            self._state,
            self._payloads,
            form=form,
            ahead=ahead,
            host=self._host,
            check=self._use,
            notices=self._notices,
            blobs=blobs,
        )
        self._mapped.add(made)
        return brief(made.results(ordered=ordered, return_exceptions=return_exceptions, progress=progress))

    @briefly
    def executor(self, max_workers: int | None = None, **options: Unpack[SessionOptions]) -> GridExecutor:
        """Return an executor as those of :mod:`concurrent.futures`, whose calls are tasks of this grid.

        Functions are found by their names, and arguments and results are what the codec can carry. On an embedded grid
        those that have none go along, as lambdas. With codec ``pickle`` everything is carried that can be pickled, on
        agents that allow it.

        Args:
            max_workers: most calls that are handed over to the grid and have not ended; the others can be cancelled.
            options: those of :meth:`submit`. When ``retry`` is left out, a call is tried once.

        Raises:
            ValueError: ``max_workers`` is not greater than 0.
            ConfigError: an option is not right.
        """
        self._check_awaited()
        return GridExecutor(self._calls, max_workers, options, limit=self._limit, targets=self._targets)

    def session(
        self, session_id: str, *, pickle: bool = False, decode: Callable[[bytes], Any] | None = None
    ) -> SessionHandle:
        """Return a handle to a session that exists, submitted by any process.

        Enums and dataclasses in its results are those of modules that this process has imported: import them before.

        Args:
            session_id: its id.
            pickle: unpickle the results of a session with codec ``pickle``, which can run any code here: only for
                sessions of clients that you trust, on agents that you trust.
            decode: makes a value of a result's bytes; its codec does when left out.

        Raises:
            SessionNotFoundError: there is none of this id.
        """
        self._check()
        session = self._state.status([checked_id(session_id)])[0].session
        if decode is None and session.codec == PICKLE and not pickle:
            decode = refuse_to_unpickle
        elif decode is None:
            decode = codec_of_client(session, importing=False).decode
        return SessionHandle(
            session,
            self._state,
            self._payloads,
            decode=decode,
            host=self._host,
            check=self._use,
            notices=self._notices,
        )

    @briefly
    def retry(
        self,
        session_id: str,
        *,
        id: str | None = None,  # noqa: A002 - as in submit
        pickle: bool = False,
    ) -> SessionHandle:
        """Submit the failed tasks of a finished session again, as a session of their own; return its handle.

        It has the same handler and options, its ``origin`` is the other session, and its tasks are the failed ones in
        their order. Without an id, asking again is one submission, as it is with one. Costs 1 request per 100 entries
        of the log and per 100 bundles, and what :meth:`submit` costs for the failed tasks.

        Args:
            session_id: the session whose tasks failed, submitted by any process.
            id: the new session's id; one that follows from the other's when left out.
            pickle: unpickle the results of a session with codec ``pickle``, as in :meth:`session`.

        Raises:
            ConfigError: the session has not finished, or no task of it has failed.
            SessionNotFoundError: there is none of this id.
            EncodingError: its payloads are not there any more.
            ConflictError: the id is taken by other content.
        """
        self._check()
        status = self._state.status([checked_id(session_id)])[0]
        session = session_again(status, id, host=self._host)
        reader = Reader(status.session, self._state, self._payloads, host=self._host, check=self._use)
        rule = rule_of(None, defaults.AHEAD, named=True)
        payloads = payloads_of(reader, failed_in(reader))
        if session.handler == PICKLED_CALL:
            payloads = with_functions(payloads, reader, session, self._payloads)
        self._submissions.submit_all(session, payloads, rule, function_of(reader, session))
        return self.session(session.id, pickle=pickle)

    def origins(self, session_id: str) -> list[int]:
        """Return which tasks of their origin a session's tasks are, by position; of one without an origin, none.

        None, too, when the origin is not kept any more. Costs 2 requests, and 1 per 100 entries of the origin's log.

        Raises:
            SessionNotFoundError: there is no session of this id.
        """
        self._check()
        origin = self._state.status([checked_id(session_id)])[0].session.origin
        if origin is None:
            return []
        try:
            session = self._state.status([origin])[0].session
            return list(failed_in(Reader(session, self._state, self._payloads, host=self._host, check=self._use)))
        except SessionNotFoundError:
            return []

    def sessions(
        self,
        *,
        labels: Mapping[str, str] | None = None,
        handler: str | None = None,
        finished: bool | None = None,
        since: datetime | timedelta | None = None,
    ) -> Iterator[SessionStatus]:
        """Yield the grid's sessions, newest first, whoever submitted them.

        Costs 1 request per 100 sessions that are looked through, and what their status costs. Looking stops at the
        first session that is older than ``since``.

        Args:
            labels: only sessions with all these labels.
            handler: only sessions of handlers that match this pattern, as ``pricing:*``.
            finished: only sessions of which every task has ended, or only the others.
            since: only sessions made since this time, or in this time up to now.

        Raises:
            ConfigError: an argument is not right.
        """
        self._check()
        wanted = SessionFilter(
            labels={} if labels is None else labels,
            handler=handler,
            finished=finished,
            since=since_of(since, self._host.now()),
        )
        return listed(self._state, wanted)

    def usage(self) -> dict[str, float]:
        """Return what the calls of this object on its services have come to, as ``{"requests": 12.0}``; costs nothing.

        Empty where no provider counts.
        """
        return total_usage(service.usage() for service in (self._state, self._queue, self._payloads))

    def agents(self, *, pool: str | None = None) -> Iterator[AgentStatus]:
        """Yield the agents that reported in the last day, those heard of last first, also those that have ended.

        What an agent reported a moment ago may be missing. Costs 1 request per 100 agents.

        Args:
            pool: only the agents of this one.

        Raises:
            ConfigError: the pool's name is not right.
        """
        self._check()
        if pool is not None:
            check_name("pool", pool)
        return self._agents(pool)

    def _agents(self, pool: str | None) -> Iterator[AgentStatus]:
        cursor: str | None = BEGINNING
        while cursor is not None:
            page = self._state.agents(cursor, pool=pool)
            yield from page.agents
            cursor = page.cursor

    @property
    def _limit(self) -> int:
        """Most bytes of one payload."""
        return min(defaults.PAYLOAD_BYTES, self._payloads.limits.size)

    def _check_awaited(self) -> None:
        """Raise when the grid cannot be used, or its results not be awaited from here."""
        self._check_wait()
        if self._use.wait is not None:
            self._use.wait()

    def _check_wait(self) -> None:
        """Raise when to submit tasks, or to wait for them, leads nowhere."""
        self._check()
        if self._check_agents is not None:
            self._check_agents()

    def _check(self) -> None:
        if self._process != os.getpid():
            raise ConfigError(
                "this grid was opened by the process that this one was forked off: open one here, or start processes "
                "by 'spawn'"
            )
        if self._closed:
            raise ConfigError("this grid is closed: use it inside its 'with' block")
