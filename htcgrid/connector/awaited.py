"""A session's outcomes in an asyncio program: the loop never waits, and a reader that leaves holds nothing.

Each look at the grid is made by a thread of its own, which ends with that look. So nothing goes on when whoever waits
is cancelled, breaks off, or closes its loop; the session does.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from htcgrid.connector.collection import Collection, batches
from htcgrid.connector.outcome import Outcome
from htcgrid.connector.reader import Reader
from htcgrid.connector.values import Values
from htcgrid.host import Host

_Answer = TypeVar("_Answer")


async def values_awaited(reader: Reader) -> list[Any]:
    """Return the values of all tasks, in their order; raise the first error as soon as it is known."""
    values = Values(return_exceptions=False)
    made: list[Collection] = []
    async with aclosing(outcomes_awaited(reader, made.append)) as outcomes:
        async for outcome in outcomes:
            values.take([outcome])
    return values.in_order(reader.session.id, made[0])


async def outcomes_awaited(
    reader: Reader, note: Callable[[Collection], object] = bool
) -> AsyncGenerator[Outcome, None]:
    """Yield every task's outcome as it becomes known, once each; call ``note`` with what counts them."""
    steps = _steps(reader, note)
    while (found := await _beside(reader.host, steps)) is not None:
        for outcome in found:
            yield outcome


def _steps(reader: Reader, note: Callable[[Collection], object]) -> Generator[list[Outcome], None, None]:
    """Yield the outcomes that each look brings, maybe none, in lists that are fetched together."""
    made = reader.collection()
    note(made)
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
