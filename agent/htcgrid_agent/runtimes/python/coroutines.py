"""Handlers that are coroutine functions: what they give is awaited in an event loop that is kept between tasks."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task


class Coroutines:
    """Runs coroutines one after the other.

    A loop of its own for each would cost ten times as much as a short task, and connections that a handler keeps
    belong to one loop. It serves the tasks of one handler; what a task has left running in it is cancelled when the
    task ends, as :func:`asyncio.run` does.
    """

    def __init__(self) -> None:
        self._loop: AbstractEventLoop | None = None
        self._owner = ""

    def begin(self, owner: str) -> None:
        """Let no other handler's coroutines meet what this one's have made of the loop."""
        if self._loop is not None and owner != self._owner:
            loop, self._loop = self._loop, None
            if not loop.is_closed():
                loop.close()
        self._owner = owner

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Return what a coroutine returns.

        Raises:
            BaseException: what it raises.
        """
        loop = self._loop
        if loop is None or loop.is_closed():
            # Most handlers have no use for it, and importing it takes longer than most tasks.
            import asyncio  # noqa: PLC0415

            loop = self._loop = asyncio.new_event_loop()
        task = loop.create_task(coroutine)
        task.add_done_callback(_stop)
        try:
            # Not run_until_complete, whose frames would stand in each traceback.
            loop.run_forever()
            ended = task.done()
        finally:
            _cancel_rest(loop)
        if not ended:
            raise RuntimeError("the handler's event loop was stopped before the handler had ended")
        error = None if task.cancelled() else task.exception()
        if error is not None:
            raise error
        return task.result()


def _stop(task: "Task[Any]") -> None:
    task.get_loop().stop()


def _cancel_rest(loop: "AbstractEventLoop") -> None:
    """Cancel what has not ended, and wait until it has."""
    import asyncio  # noqa: PLC0415 - imported by now

    rest = asyncio.all_tasks(loop)
    if not rest:
        return
    for task in rest:
        task.remove_done_callback(_stop)
        task.cancel()
    loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
    for task in rest:
        if not task.cancelled() and (error := task.exception()) is not None:
            loop.call_exception_handler(
                {
                    "message": "a task that the handler left running ended with an error",
                    "exception": error,
                    "task": task,
                }
            )
