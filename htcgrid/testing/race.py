"""Calls that happen at once, to lose races on purpose."""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import TypeVar

_Result = TypeVar("_Result")

#: A call that has not come back after this many seconds is stuck.
_PATIENCE = 60
#: How long a thread runs before another one does: seconds. Python's own is longer than most calls in memory take.
_TURN = 1e-5


def at_once(actions: Sequence[Callable[[], _Result]]) -> list[_Result]:
    """Return the results of ``actions``, in order, each run in a thread of its own and none before all are ready."""
    barrier = Barrier(len(actions))

    def run(action: Callable[[], _Result]) -> _Result:
        barrier.wait(_PATIENCE)
        return action()

    with ThreadPoolExecutor(len(actions)) as threads:
        running = [threads.submit(run, action) for action in actions]
        return [future.result(_PATIENCE) for future in running]


@contextmanager
def short_turns() -> Iterator[None]:
    """Within the block threads take turns so often that also calls without input or output overlap."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
