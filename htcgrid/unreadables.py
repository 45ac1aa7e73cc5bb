"""Records of a store that could not be read: skipped, told of once each, and counted for ``htcgrid doctor``."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from htcgrid.errors import UnreadableError
from htcgrid.interfaces import Concern
from htcgrid.plain_text import plain

T = TypeVar("T")
R = TypeVar("R")

#: Places that are known by name; beyond that they are only counted.
_KNOWN = 1000
#: Most of them that one message names.
_NAMED = 5


class Unreadables:
    """Those that one object of a provider has met. Any number of threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], UnreadableError] = {}
        self._others = 0

    def note(self, error: UnreadableError) -> None:
        """Take in one more; the first time it is logged, so that whoever runs the grid hears of it once."""
        place = (error.what, error.where)
        with self._lock:
            if place in self._known:
                return
            if len(self._known) >= _KNOWN:
                self._others += 1
                return
            self._known[place] = error
        logging.getLogger(__name__).warning("%s; it is skipped", plain(str(error)))

    def page(self, read: Callable[[R], T], rows: Iterable[R]) -> tuple[list[T], list[UnreadableError]]:
        """Return what can be read of some rows, and the errors of the others, which are noted."""
        found: list[T] = []
        left_out: list[UnreadableError] = []
        for row in rows:
            try:
                found.append(read(row))
            except UnreadableError as error:
                self.note(error)
                left_out.append(error)
        return found, left_out

    def concerns(self) -> Sequence[Concern]:
        """Return what whoever runs the grid should know of them; see :meth:`Provided.concerns`."""
        with self._lock:
            known, others = list(self._known.values()), self._others
        return [concern(known, others)] if known else []


def concern(errors: Sequence[UnreadableError], others: int = 0) -> Concern:
    """Return the concern that these, and a number of others, cannot be read."""
    count = len(errors) + others
    named = "; ".join(str(error) for error in errors[:_NAMED])
    more = f"; and {count - _NAMED} more" if count > _NAMED else ""
    return Concern(
        message=f"{count} {'record' if count == 1 else 'records'} cannot be read, and {'is' if count == 1 else 'are'} "
        f"skipped: {named}{more}",
        advice="their tasks do not run: put the records right, from a copy of the store; or cancel and delete their "
        "sessions, and submit them again",
    )
