"""Outcomes without the tasks' values: how each ended, what it printed and what it failed with.

Nothing that a task returned is decoded, so nothing pickled is opened.
"""

from collections.abc import Iterator

from htcgrid.connector import Outcome
from htcgrid.connector.collection import batches
from htcgrid.connector.notices import Notices
from htcgrid.connector.reader import Reader
from htcgrid.connector.tracker import Tracker
from htcgrid.connector.use import Use
from htcgrid.errors import ResultTimeoutError
from htcgrid.host import RealHost
from htcgrid.interfaces import PayloadStore, StateStore
from htcgrid.model import Session


def reader_of(session: Session, state: StateStore, payloads: PayloadStore) -> Reader:
    """Return what reads the session's outcomes, each with the value None."""
    host = RealHost()
    notices = Notices(host=host, patience=state.limits.notice)
    return Reader(session, state, payloads, decode=_no_value, host=host, check=Use(), notices=notices)


def known_outcomes(reader: Reader) -> Iterator[Outcome]:
    """Yield the outcomes of the tasks that have ended by now, but for cancelled ones; wait for no other.

    Costs 1 request per 100 entries of the log, and 1 per pack in the payload store.
    """
    collection = reader.collection()
    while not collection.finished and (parts := reader.look(collection, 0.0)):
        for batch in batches(parts):
            data = reader.packs(part.pack for _, part in batch)
            for entry, part in batch:
                yield from collection.outcomes(entry, part, data[part.pack.digest])


def outcome_of(reader: Reader, index: int, *, wait: bool = False) -> Outcome | None:
    """Return how a task ended, or None when it has not; with ``wait``, once it has.

    Costs 1 request per 100 entries of the log up to its own, and 1 for a pack in the payload store.

    Raises:
        ConfigError: the session has no such task.
    """
    try:
        return Tracker(reader).wait(index, None if wait else 0.0)
    except ResultTimeoutError:
        return None


def _no_value(_data: bytes) -> None:
    return None
