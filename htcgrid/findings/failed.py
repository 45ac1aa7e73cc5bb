"""Tasks that failed, as a session's log tells of them."""

from collections.abc import Iterator

import msgspec

from htcgrid.interfaces import BEGINNING, PayloadStore, StateStore
from htcgrid.model import Part, SessionId, unpack_blocks


class FailedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that failed, and why."""

    index: int
    type: str
    message: str


def failed_tasks(payloads: PayloadStore, part: Part) -> list[FailedTask]:
    """Return the tasks of a part that failed, in order; costs 1 request when its pack is in the payload store."""
    data = part.pack.data
    if data is None and part.pack.key is not None:
        data = payloads.get([part.pack.key]).get(part.pack.key)
    if data is None:
        # The payload store was emptied; how many failed is known all the same.
        return []
    found = {
        index: FailedTask(index=index, type=failure.type, message=failure.message)
        for block in unpack_blocks(part.pack.checked(data))
        for index, failure in block.failures.items()
    }
    return [found[index] for index in part.failed if index in found]


def first_failures(
    state: StateStore, payloads: PayloadStore, session: SessionId, *, limit: int, pages: int
) -> list[FailedTask]:
    """Return tasks that failed, as far as the first ``pages`` of the log tell, and ``limit`` packs in payload stores.

    Costs 1 request per page that is read, and at most ``limit`` to the payload store.
    """
    found: list[FailedTask] = []
    for part in _failing(state, session, pages):
        limit -= part.pack.data is None
        if limit >= 0 or part.pack.data is not None:
            found += failed_tasks(payloads, part)
    return found


def _failing(state: StateStore, session: SessionId, pages: int) -> Iterator[Part]:
    cursor = BEGINNING
    for _ in range(pages):
        page = state.outcomes(session, cursor)
        yield from (part for entry in page.entries for part in entry.parts if part.failed)
        if not page.entries:
            return
        cursor = page.cursor
