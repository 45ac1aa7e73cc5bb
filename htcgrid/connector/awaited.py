"""A session's outcomes in an asyncio program: the loop never waits, and a reader that leaves holds nothing.

Each look at the grid is made by a thread of its own, which ends with that look. So nothing goes on when whoever waits
is cancelled, breaks off, or closes its loop; the session does.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import suppress
from typing import TypeVar

from htcgrid.connector.collection import Collection, batches
from htcgrid.connector.outcome import Outcome
from htcgrid.connector.reader import Reader
from htcgrid.host import Host

_Answer = TypeVar("_Answer")


async def outcomes_awaited(
    reader: Reader, collection: Callable[[], Collection] | None = None
) -> AsyncGenerator[Outcome, None]:
    """Yield every task's outcome as it becomes known, once each; ``collection`` makes the one that counts them."""
    steps = _steps(reader, collection or reader.collection)
    while (found := await _beside(reader.host, steps)) is not None:
        for outcome in found:
            yield outcome


def _steps(reader: Reader, collection: Callable[[], Collection]) -> Generator[list[Outcome], None, None]:
    """Yield the outcomes that each look brings, maybe none, in lists that are fetched together."""
    made = collection()
    yield []
    for parts in reader.looks(made, None):
        for batch in batches(parts):
            data = reader.packs(part.pack for _, part in batch)
            yield [one for entry, part in batch for one in made.outcomes(entry, part, data[part.pack.digest])]
        yield list(made.cancelled_outcomes()) if made.closed else []


async def _beside(host: Host, steps: Iterator[_Answer]) -> _Answer | None:
    """Return the next step, or None after the last, which a thread makes meanwhile."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Answer | None] = loop.create_future()

    def settle(answer: _Answer | None, error: BaseException | None) -> None:
        # Whoever waited may have left.
        if future.done():
            return
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)

    def step() -> None:
        answer, error = None, None
        try:
            answer = next(steps, None)
        except BaseException as raised:  # noqa: BLE001 - the top of a thread; whoever waits gets it
            error = raised
        # The loop may be closed by now.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, answer, error)

    host.thread(step, name="look for outcomes").start()
    return await future
