"""The decisions of a reader: what is to be fetched, what it means, and when everything has been read."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from htcgrid.connector.outcome import Outcome
from htcgrid.connector.unreadable import unreadable
from htcgrid.interfaces import BEGINNING, Entries
from htcgrid.model import (
    Block,
    Entry,
    Failure,
    Part,
    Ranges,
    SessionId,
    SessionState,
    SessionStatus,
    TaskState,
    unpack_blocks,
)
from htcgrid.model.error_text import frames_of, message_of, traceback_of, type_name

if TYPE_CHECKING:
    from htcgrid.connector.silence import Silence

#: Bytes of packs that are fetched at once, unless one pack is larger: what a reader holds does not grow with its page.
_FETCH = 32 << 20
#: Most letters of the traceback of a result that cannot be read here.
_TRACEBACK = 8_000


def batches(parts: Iterable[tuple[Entry, Part]], limit: int = _FETCH) -> Iterator[list[tuple[Entry, Part]]]:
    """Yield the parts in order, in lists whose packs are to be fetched together."""
    batch: list[tuple[Entry, Part]] = []
    size = 0
    for entry, part in parts:
        if batch and size + part.pack.size > limit:
            yield batch
            batch, size = [], 0
        batch.append((entry, part))
        size += part.pack.size
    if batch:
        yield batch


class Collection:
    """One reader of one session: entries in, outcomes out, each task's exactly once."""

    def __init__(self, session: SessionId, decode: Callable[[bytes], Any]) -> None:
        self._session = session
        self._decode = decode
        self._seen = Ranges()
        self._total: int | None = None
        self._closed = False
        #: Whether the session was cancelled: while it was open, if no task of it is.
        self.was_cancelled = False
        #: Where the next look at the log starts.
        self.cursor = BEGINNING
        #: Tasks read so far, by how they ended.
        self.succeeded = 0
        self.failed = 0
        self.cancelled = 0
        #: How long whoever reads has had no news; None of a reader that nobody waits for.
        self.silence: Silence | None = None

    @property
    def ended(self) -> int:
        """The number of tasks read so far."""
        return self.succeeded + self.failed + self.cancelled

    @property
    def total(self) -> int | None:
        """The number of tasks of the session, or None while more may come."""
        return self._total

    @property
    def closed(self) -> bool:
        """Whether the session was cancelled and its log is read to the end."""
        return self._closed

    @property
    def finished(self) -> bool:
        """Whether the outcome of every task has been read, and no more tasks will come."""
        return self._total is not None and self.ended >= self._total

    def know(self, status: SessionStatus) -> None:
        """Take in how many tasks there are; an open session's may grow."""
        self.was_cancelled = status.state is SessionState.CANCELLED
        if status.state is not SessionState.OPEN:
            self.expect(status.total)

    def expect(self, total: int) -> None:
        """Take in that the session has just ``total`` tasks."""
        self._total = total

    def take(self, entries: Entries) -> list[tuple[Entry, Part]]:
        """Take in a look at the log; return the parts whose packs hold new outcomes, in order."""
        self.cursor = entries.cursor
        self._closed |= entries.closed
        parts = []
        for entry in entries.entries:
            for part in entry.parts:
                self.succeeded += part.succeeded.count
                self.failed += part.failed.count
                self._seen |= part.succeeded | part.failed
                parts.append((entry, part))
        return parts

    def outcomes(self, entry: Entry, part: Part, data: bytes) -> Iterator[Outcome]:
        """Yield the outcomes that a pack holds for a part: just those tasks that the entry accepted."""
        accepted = part.succeeded | part.failed
        for block in unpack_blocks(part.pack.checked(data)):
            whole = Ranges.of((block.start, block.stop))
            wanted = whole & accepted
            if wanted == whole and not (block.failures or block.tries or block.printed):
                yield from self._successes(entry, block)
            else:
                yield from (self.outcome(entry, block, index) for index in wanted)

    def cancelled_outcomes(self) -> Iterator[Outcome]:
        """Yield the tasks that are cancelled by definition; for a session that is closed and whose total is known."""
        rest = Ranges.of((0, self._total or 0)) - self._seen
        self._seen |= rest
        self.cancelled += rest.count
        for index in rest:
            yield self.cancelled_outcome(index)

    def cancelled_outcome(self, index: int) -> Outcome:
        """Return the outcome of a task that a cancel ended."""
        return Outcome(index, TaskState.CANCELLED, None, None, 0, 0.0, 0, "", None, self._session)

    def _successes(self, entry: Entry, block: Block) -> Iterator[Outcome]:
        decode, began, worker, committed, session = (
            self._decode,
            block.began,
            block.worker,
            entry.committed,
            self._session,
        )
        succeeded, code = TaskState.SUCCEEDED, block.code
        for index, (value, micros) in enumerate(zip(block.values, block.durations, strict=True), block.start):
            try:
                # A succeeded task has a value; an empty one is still bytes.
                found = decode(value or b"")
            except BaseException as error:  # noqa: BLE001 - the data's classes may raise anything, and exit
                yield self._unread(entry, block, index, error)
            else:
                yield Outcome(index, succeeded, found, None, 1, began, micros, worker, committed, session, code=code)
            began += micros / 1e6

    def _unread(self, entry: Entry, block: Block, index: int, error: BaseException) -> Outcome:
        """Return the outcome of a task whose result cannot be read here, as one that failed with that."""
        told = unreadable(error, index)
        trace = traceback_of(error, frames_of(error))[-_TRACEBACK:]
        failure = Failure(type=type_name(told), message=message_of(told), traceback=trace)
        return self._outcome(entry, block, index, failure, block.values[index - block.start] or b"")

    def outcome(self, entry: Entry, block: Block, index: int) -> Outcome:
        """Return the outcome of one task of a block, which the entry accepted."""
        value = block.values[index - block.start]
        if failure := block.failures.get(index):
            return self._outcome(entry, block, index, failure, raised=value)
        try:
            found = self._decode(value or b"")
        except BaseException as error:  # noqa: BLE001 - the data's classes may raise anything, and exit
            return self._unread(entry, block, index, error)
        return self._outcome(entry, block, index, None, value=found)

    def _outcome(
        self,
        entry: Entry,
        block: Block,
        index: int,
        failure: Failure | None,
        unread: bytes | None = None,
        *,
        value: Any = None,
        raised: bytes | None = None,
    ) -> Outcome:
        offset = index - block.start
        return Outcome(
            index,
            TaskState.FAILED if failure else TaskState.SUCCEEDED,
            value,
            failure,
            block.tries.get(index, 1),
            block.began + sum(block.durations[:offset]) / 1e6,
            block.durations[offset],
            block.worker,
            entry.committed,
            self._session,
            block.printed.get(index),
            raised,
            block.code,
            unread,
        )
