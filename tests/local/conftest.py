"""A grid's folder, and stores and queues on it that are closed afterwards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from htcgrid.interfaces import Provided
from htcgrid.local.queue import SqliteTaskQueue
from htcgrid.local.state import SqliteStateStore
from htcgrid.testing import VirtualClock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "grid"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def closed_later() -> Iterator[Callable[[Provided], None]]:
    with ExitStack() as stack:

        def later(provided: Provided) -> None:
            stack.enter_context(closing(provided))

        yield later


@pytest.fixture
def open_store(
    folder: Path, clock: VirtualClock, closed_later: Callable[[Provided], None]
) -> Callable[[], SqliteStateStore]:
    """Return what opens one more store on the same file, whose time is ``clock``."""

    def opened() -> SqliteStateStore:
        store = SqliteStateStore(folder, clock=clock, now=clock)
        closed_later(store)
        return store

    return opened


@pytest.fixture
def store(open_store: Callable[[], SqliteStateStore]) -> SqliteStateStore:
    return open_store()


@pytest.fixture
def queue(folder: Path, clock: VirtualClock, closed_later: Callable[[Provided], None]) -> SqliteTaskQueue:
    queue = SqliteTaskQueue(folder, now=clock)
    closed_later(queue)
    return queue
