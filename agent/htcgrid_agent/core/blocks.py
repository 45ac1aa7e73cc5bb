"""Cutting workers' reports to the tasks that are wanted from them."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TypeVar

from htcgrid.model import Block, Failure, Printed, Ranges


def pieces(block: Block, wanted: Ranges, tries: Mapping[int, int]) -> Iterator[Block]:
    """Yield blocks that hold just the ``wanted`` tasks of ``block``, with the tries that each took.

    ``tries`` holds the tries before this one that a task has behind it.
    """
    for start, stop in wanted.spans:
        low, high = start - block.start, stop - block.start
        yield Block(
            start=start,
            values=block.values[low:high] if (start, stop) != (block.start, block.stop) else block.values,
            began=block.began + sum(block.durations[:low]) / 1e6 if low else block.began,
            durations=block.durations[low:high] if (start, stop) != (block.start, block.stop) else block.durations,
            worker=block.worker,
            failures=_within(block.failures, start, stop),
            printed=_within(block.printed, start, stop),
            tries={index: count + 1 for index, count in _within(tries, start, stop).items()},
            code=block.code,
        )


def lone_failure(
    index: int,
    failure: Failure,
    worker: str,
    *,
    began: float = 0.0,
    ran: timedelta = timedelta(0),
    printed: Printed | None = None,
) -> Block:
    """Return the block of one task that did not get to report its own end."""
    return Block(
        start=index,
        values=[None],
        began=began,
        durations=[ran // timedelta(microseconds=1)],
        worker=worker,
        failures={index: failure},
        printed={} if printed is None else {index: printed},
    )


_Value = TypeVar("_Value")


def _within(items: Mapping[int, _Value], start: int, stop: int) -> dict[int, _Value]:
    if not items:
        return {}
    return {index: item for index, item in items.items() if start <= index < stop}
