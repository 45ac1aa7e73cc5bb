"""Results that this process cannot make values of: whatever is raised then is the error of that task alone."""

import signal
import threading
from opcode import opmap
from types import CodeType, TracebackType
from typing import Any

from htcgrid.errors import ConfigError, EncodingError
from htcgrid.model.error_text import frames_of, is_a, message_of, said

_RAISE = frozenset(opmap[name] for name in ("RAISE_VARARGS", "RERAISE"))


def unreadable(error: BaseException, index: int | None = None) -> EncodingError:
    """Return what is told of a result in whose making an error was raised, ``SystemExit`` and all others included.

    Args:
        error: what was raised.
        index: the result's task, for the message; None where its caller knows.

    Raises:
        KeyboardInterrupt: the program's user has pressed Ctrl-C meanwhile: that is no task's.
        ConfigError: no result of the session is to be read so.
    """
    if is_a(error, ConfigError) or _is_of_signal(error):
        raise error
    whose = "" if index is None else f"task {index}: the result: "
    if is_a(error, EncodingError):
        if index is None and type(error) is EncodingError:
            return error
        told = EncodingError(f"{whose}{message_of(error)}")
    else:
        told = EncodingError(f"{whose}it cannot be read here: {said(error)}")
    told.__cause__ = error
    return told


def _is_of_signal(error: BaseException) -> bool:
    """Return whether a signal has interrupted this thread, rather than that the data has raised such an error.

    Handlers of signals run in the main thread. Python's own for Ctrl-C is written in C: no frame raises its error.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    handlers = {_code(signal.getsignal(number)) for number in signal.valid_signals()} - {None}
    frames, last = frames_of(error), None
    while frames is not None:
        if frames.tb_frame.f_code in handlers:
            return True
        frames, last = frames.tb_next, frames
    return is_a(error, KeyboardInterrupt) and not _raises(last)


def _raises(frames: TracebackType | None) -> bool:
    return frames is not None and frames.tb_frame.f_code.co_code[frames.tb_lasti] in _RAISE


def _code(handler: Any) -> CodeType | None:
    """Return the code of a signal's handler; of a partial one, as asyncio has, that of its function."""
    code = getattr(getattr(handler, "func", handler), "__code__", None)
    return code if isinstance(code, CodeType) else None
