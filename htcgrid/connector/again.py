"""The failed tasks of a session, submitted again as a session of their own."""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from htcgrid.connector.reader import Reader
from htcgrid.errors import ConfigError, EncodingError
from htcgrid.host import Host
from htcgrid.interfaces import BEGINNING, PayloadStore
from htcgrid.model import Bundle, Pack, Ranges, Session, SessionId, SessionStatus, Span, python_client, unpack_payloads
from htcgrid.model.call import FunctionKey, read_call

#: Most letters of the origin's id in that of the new session, which is a name as any other.
_LETTERS = 50


def session_again(status: SessionStatus, session_id: str | None, *, host: Host) -> Session:
    """Return the session of the failed tasks of a finished one, under its options.

    Without an id of the caller's it has one that follows from the origin's, so that asking twice runs them once.

    Raises:
        ConfigError: not all of its tasks have ended, or none has failed.
    """
    origin = status.session
    if not status.finished:
        raise ConfigError(
            f"session {origin.id} has not finished: {status.ended} of {status.total} tasks have ended, and it is "
            f"{status.state}; wait for it, or cancel it, and then submit what failed again"
        )
    if not status.failed:
        raise ConfigError(f"no task of session {origin.id} has failed: there is nothing to submit again")
    made = SessionId(session_id if session_id is not None else _id_after(origin.id))
    return msgspec.structs.replace(origin, id=made, origin=origin.id, created=host.now())


def failed_in(reader: Reader) -> Ranges:
    """Return the tasks of a session that failed. Costs 1 request per 100 entries and log."""
    failed: list[Span] = []
    cursor = BEGINNING
    while (page := reader.state.outcomes(reader.session.id, cursor)).entries:
        cursor = page.cursor
        for entry in page.entries:
            for part in entry.parts:
                failed += part.failed.spans
    return Ranges.of(*failed)


def payloads_of(reader: Reader, tasks: Ranges) -> Iterator[bytes]:
    """Yield the payloads of some of a session's tasks, as they were submitted and in their order.

    Costs 1 request per 100 bundles, and 1 for each of those with such tasks whose payloads are in the payload store.

    Raises:
        EncodingError: they are not there any more, or come altered.
    """
    starts = [start for start, _ in tasks.spans]
    cursor: str | None = BEGINNING
    while cursor is not None:
        page = reader.state.submitted(reader.session.id, cursor)
        cursor = page.cursor
        for bundle in page.bundles:
            # The last span that begins at or before its first task, and those that begin in it.
            first = max(0, bisect_right(starts, bundle.key.start) - 1)
            near = Ranges(tasks.spans[first : bisect_left(starts, bundle.stop)])
            if wanted := near & Ranges.of((bundle.key.start, bundle.stop)):
                yield from _payloads(reader, bundle, wanted)


def with_functions(payloads: Iterable[bytes], reader: Reader, session: Session, store: PayloadStore) -> Iterator[bytes]:
    """Yield the payloads of pickled calls; by then the new session has the functions that they name.

    Each session has its own, with which it is collected: the origin may be so before the new one has ended. Costs 2
    requests per function, and 1 to record the session.

    Raises:
        EncodingError: a payload is no call, or its function is not there any more.
    """
    copied: set[str] = set()
    for payload in payloads:
        function = read_call(payload).function
        if isinstance(function, FunctionKey) and function.digest not in copied:
            data = _bytes_of(function, reader)
            if not copied:
                # Before its data: what no session stands for would never be collected.
                reader.state.create(session)
            store.put({function.shared(session.id).key: data})
            copied.add(function.digest)
        yield payload


def function_of(reader: Reader, session: Session) -> Mapping[str, bytes]:
    """Return the function that goes along with a session, as another one had it, and where it is to be put.

    Raises:
        EncodingError: it is not there any more.
    """
    function = python_client(session.codec_options).function
    if function is None:
        return {}
    key = FunctionKey(*function)
    return {key.shared(session.id).key: _bytes_of(key, reader)}


def _bytes_of(function: FunctionKey, reader: Reader) -> bytes:
    """Return a function as the reader's session has it."""
    origin = reader.session.id
    pack = Pack(digest=function.digest, size=function.size, key=function.shared(origin).key)
    try:
        return pack.checked(reader.packs([pack])[pack.digest])
    except EncodingError as error:
        raise EncodingError(
            f"the function of tasks of session {origin} is not in the payload store any more, or was altered there: "
            "call it anew"
        ) from error


def _payloads(reader: Reader, bundle: Bundle, wanted: Ranges) -> Iterator[bytes]:
    pack = bundle.input
    payloads = unpack_payloads(pack.checked(reader.packs([pack])[pack.digest]))
    return (payloads[index - bundle.key.start] for index in wanted)


def _id_after(origin: SessionId) -> str:
    if len(origin) <= _LETTERS:
        return f"{origin}-again"
    return f"{origin[:_LETTERS]}-{hashlib.sha256(origin.encode()).hexdigest()[:12]}-again"
