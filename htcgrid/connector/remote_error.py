"""What a task raised, to be raised again where its result is wanted."""

from collections.abc import Callable
from typing import Any

from htcgrid.connector.outcome import Outcome
from htcgrid.errors import EncodingError


class RemoteTraceback(Exception):  # noqa: N818 - no error by itself; named as the one of concurrent.futures
    """The traceback of the worker, as the cause of the error that was raised there."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


def error_of(outcome: Outcome, decode: Callable[[bytes], Any]) -> Exception | None:
    """Return the error that a caller of the task gets; None when it has succeeded.

    With codec ``pickle`` that is the one which the task raised, with the worker's traceback as its cause. It is the
    :class:`TaskError` of the outcome when the exception could not be carried or made again, and when it is no
    ``Exception``: a task that exits must not end its client.
    """
    error = outcome.exception()
    if outcome.raised is None:
        return error
    try:
        found = decode(outcome.raised)
    except EncodingError:
        return error
    if not isinstance(found, Exception):
        return error
    if outcome.error is not None and outcome.error.traceback:
        # Past a __setattr__ of the exception's own, as frozen ones have.
        BaseException.__setattr__(found, "__cause__", RemoteTraceback(outcome.error.traceback))
    return found
