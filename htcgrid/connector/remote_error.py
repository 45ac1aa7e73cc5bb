"""What a task raised, to be raised again where its result is wanted."""

import sys
from collections.abc import Callable
from typing import Any

from htcgrid.connector.outcome import Outcome
from htcgrid.connector.remote_traceback import RemoteTraceback
from htcgrid.connector.unreadable import unreadable
from htcgrid.model.builtin_error import made
from htcgrid.model.error_text import is_a, set_cause


def value_of(
    outcome: Outcome, decode: Callable[[bytes], Any], *, builtins: bool = False
) -> tuple[Any, Exception | None]:
    """Return the value that a call returned, of an outcome that has its bytes; or the error that its caller gets.

    Whatever the decoding raises is that call's error.

    Args:
        outcome: of the call's task.
        decode: makes a value of bytes.
        builtins: whether a caller gets exceptions of Python's own as themselves.
    """
    error = error_of(outcome, decode, builtins=builtins)
    if error is not None:
        return None, error
    try:
        return decode(outcome.value), None
    except BaseException as raised:  # noqa: BLE001 - the data's classes may raise anything, and exit
        return None, unreadable(raised)


def error_of(outcome: Outcome, decode: Callable[[bytes], Any], *, builtins: bool = False) -> Exception | None:
    """Return the error that a caller of the task gets; None when it has succeeded.

    With codec ``pickle`` that is the one which the task raised, with the worker's traceback as its cause; with
    ``builtins`` so is one of Python's own with any codec. It is the :class:`TaskError` of the outcome when the
    exception could not be carried or made again, and when it is no ``Exception``: a task that exits must not end its
    client.
    """
    found = _raised(outcome, decode, builtins=builtins)
    if found is None:
        return outcome.exception()
    if outcome.raised is None:
        # The error says nothing of its task, by which its log is found.
        set_cause(found, RemoteTraceback(str(outcome.exception())))
    elif outcome.error is not None and outcome.error.traceback:
        # Past a __setattr__ of the exception's own, as frozen ones have.
        set_cause(found, RemoteTraceback(outcome.error.traceback))
    return found


def for_loops(error: Exception) -> Exception:
    """Return an error that asyncio's loops take: some refuse StopIteration, and the future of one never ends."""
    if type(error) is not StopIteration or _LOOPS_TAKE_IT:
        return error
    found = _StopIteration(*error.args)
    found.__cause__ = error.__cause__
    return found


#: https://github.com/python/cpython/issues/112182, mended in 3.11.8 and 3.12.2.
_LOOPS_TAKE_IT = sys.version_info >= (3, 12, 2) or (3, 11, 8) <= sys.version_info < (3, 12)


class _StopIteration(StopIteration):
    """One that ``except StopIteration`` catches, too."""


def _raised(outcome: Outcome, decode: Callable[[bytes], Any], *, builtins: bool) -> Exception | None:
    """Return the exception itself, or None."""
    if outcome.raised is None:
        data = outcome.error.builtin if builtins and outcome.error is not None else None
        return None if data is None else made(data)
    try:
        found = decode(outcome.raised)
    except BaseException as error:  # noqa: BLE001 - the data's classes may raise anything, and exit
        unreadable(error)
        return None
    return found if is_a(found, Exception) else None
