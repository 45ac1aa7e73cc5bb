"""Where each task of a session stands, without fetching outcomes that nobody asks for."""

from bisect import bisect_right, insort
from operator import itemgetter

from htcgrid.connector.collection import Collection
from htcgrid.connector.outcome import Outcome
from htcgrid.connector.reader import Reader
from htcgrid.errors import ConfigError, ResultTimeoutError
from htcgrid.model import Block, BundleStatus, Entry, Part, unpack_blocks

#: Consecutive tasks that were committed together: the first, one more than the last, and where their outcomes are.
_Place = tuple[int, int, Entry, Part]
_START = itemgetter(0)
#: How long one look waits for news: seconds.
_WAIT = 1.0


class Tracker:
    """Follows the log for all task handles of a session: holds a place per run of tasks, and no outcome."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._collection: Collection | None = None
        #: Held during a look: whoever waits for it finds out more by the look of another than by one of its own.
        self._lock = reader.host.lock()
        #: In the order of their tasks.
        self._places: list[_Place] = []
        #: The blocks of the pack that was fetched last: tasks that are asked for one after another stand in it.
        self._blocks: tuple[str, list[Block]] = ("", [])

    def look(self, index: int) -> Outcome | None:
        """Return how a task ended, or None when it has not, as far as one look tells."""
        with self._lock:
            return self._known(index) or self._look(index, 0.0, until=self._reader.host.monotonic())

    def wait(self, index: int, seconds: float | None) -> Outcome:
        """Return how a task ended once it has.

        Raises:
            ResultTimeoutError: it had not after ``seconds``.
        """
        deadline = None if seconds is None else self._reader.host.monotonic() + seconds
        while True:
            left = _WAIT if deadline is None else max(0.0, min(_WAIT, deadline - self._reader.host.monotonic()))
            if self._lock.acquire(timeout=left):
                try:
                    if found := self._known(index) or self._look(index, left, until=deadline):
                        return found
                finally:
                    self._lock.release()
            if deadline is not None and self._reader.host.monotonic() >= deadline:
                why = self._reader.why(self._collection, seconds or 0.0) if self._collection is not None else ""
                raise ResultTimeoutError(
                    f"task {index} of session {self._reader.session.id} had not ended after {seconds:g} s; it goes on"
                    f"{why}"
                )

    def bundle(self, index: int) -> BundleStatus | None:
        """Return the bundle that holds a task, or None when it has ended."""
        self._reader.check()
        found = self._reader.state.bundles(self._reader.session.id, task=index).bundles
        return found[0] if found else None

    def _look(self, index: int, wait: float, *, until: float | None) -> Outcome | None:
        if self._collection is None:
            self._collection = self._reader.collection()
        collection = self._collection
        if not collection.finished:
            more = True
            while more and (found := self._known(index)) is None:
                parts = self._reader.look(collection, wait, until=until)
                self._keep(parts)
                more = bool(parts)
                wait = 0.0
            if found is not None:
                return found
        total = collection.total
        if total is not None and index >= total:
            raise ConfigError(f"session {self._reader.session.id} has {total} tasks, from 0 on, so none of {index}")
        return self._known(index)

    def _keep(self, parts: list[tuple[Entry, Part]]) -> None:
        for entry, part in parts:
            for start, stop in (part.succeeded | part.failed).spans:
                insort(self._places, (start, stop, entry, part), key=_START)

    def _known(self, index: int) -> Outcome | None:
        collection = self._collection
        if collection is None:
            return None
        position = bisect_right(self._places, index, key=_START) - 1
        if position >= 0 and index < self._places[position][1]:
            _, _, entry, part = self._places[position]
            return collection.outcome(entry, self._block(part, index), index)
        if collection.closed and collection.total is not None and index < collection.total:
            return collection.cancelled_outcome(index)
        return None

    def _block(self, part: Part, index: int) -> Block:
        digest = part.pack.digest
        if self._blocks[0] != digest:
            data = self._reader.packs([part.pack])[digest]
            self._blocks = (digest, unpack_blocks(part.pack.checked(data)))
        return next(block for block in self._blocks[1] if block.start <= index < block.stop)
