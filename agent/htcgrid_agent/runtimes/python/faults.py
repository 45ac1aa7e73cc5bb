"""What went wrong, as it is carried to the client."""

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from htcgrid import model
from htcgrid.errors import ConfigError, EncodingError, PayloadLostError, TaskError
from htcgrid.model.codec import Codec
from htcgrid.model.outcome import Failure
from htcgrid.model.python_client import python_client
from htcgrid_agent.runtimes.python.loader import HandlerError, SetupError
from htcgrid_agent.runtimes.python.memory import lift_memory_limit
from htcgrid_agent.workers.messages import RunTasks

_TRACEBACK = 8_000
_MESSAGE = 2_000
#: Where what is not the user's stands: the worker's own, and the codecs.
_FOLDERS = (str(Path(__file__).parent), str(Path(model.__file__).parent))
#: What another try does not help, as the errors themselves say.
_FINAL = (ConfigError, PayloadLostError)
#: This worker's version of Python.
PYTHON = "{}.{}".format(*sys.version_info)


def failure_of(error: BaseException, tasks: RunTasks) -> Failure:
    """Return what a task raised, with the traceback as the user knows it."""
    frames = users_frames(error)
    message = _message(error)
    # What the codec refuses says so itself: there is no line of the user's to show, and another try is no better.
    refused = frames is None and isinstance(error, EncodingError)
    shown = "" if refused else "".join(traceback.format_exception(error.with_traceback(frames)))
    hopeless = refused or isinstance(error, _FINAL) or (isinstance(error, TaskError) and error.final)
    return Failure(
        type=_carried(type(error).__name__),
        message=_carried(message),
        traceback=_carried(shown[-_TRACEBACK:] + _versions(tasks)),
        final=hopeless or not tasks.retry.retries(_names(error)),
    )


def said_of_what(error: BaseException, used: Codec) -> BaseException:
    """Return an error of the codec's with the word whether payload or result could not be carried; others as they are.

    Only an error costs anything here: the tasks before and after it do not.
    """
    frames = error.__traceback__
    if not isinstance(error, EncodingError) or frames is None or frames.tb_next is None:
        return error
    for what, function in (("payload", used.decode), ("result", used.encode)):
        if frames.tb_next.tb_frame.f_code is getattr(function, "__code__", None):
            return EncodingError(f"the {what}: {error}").with_traceback(error.__traceback__)
    return error


def unloadable(error: HandlerError | ConfigError | SetupError, tasks: RunTasks) -> Failure:
    """Return why no task of a run can begin; only what a ``setup()`` raised may go better another time."""
    cause = error.__cause__
    shown = "".join(traceback.format_exception(cause.with_traceback(users_frames(cause)))) if cause else ""
    raised = cause if isinstance(error, SetupError) and cause else None
    return Failure(
        type=_carried(type(raised or error).__name__),
        message=_carried(_message(error) + _versions(tasks)),
        traceback=_carried(shown[-_TRACEBACK:]),
        final=raised is None or not tasks.retry.retries(_names(raised)),
    )


def _names(error: BaseException) -> Iterator[str]:
    """Yield the names that an error goes by: its type's and those of the types that this is derived from."""
    for kind in type(error).__mro__[:-1]:
        yield kind.__name__
        yield f"{kind.__module__}.{kind.__qualname__}"


def _versions(tasks: RunTasks) -> str:
    """Say that the client runs another Python, which may be why."""
    version = python_client(tasks.codec_options).version
    if version in {"", PYTHON}:
        return ""
    return f"\n(the client runs Python {version}, and this worker {PYTHON})"


def _carried(text: str) -> str:
    """Return text that can be sent: names of files, and so messages, may hold what no encoding has."""
    return text.encode("utf-8", "backslashreplace").decode()


def _message(error: BaseException) -> str:
    try:
        return _out_of_memory(error) if isinstance(error, MemoryError) else str(error)[:_MESSAGE]
    except Exception as second:  # noqa: BLE001 - the user's code
        return f"(its message cannot be had: __str__ raises {type(second).__name__})"


def _out_of_memory(error: MemoryError) -> str:
    # What the handler holds in its variables is not needed any more, and all other memory may be in its globals.
    traceback.clear_frames(error.__traceback__)
    limit = lift_memory_limit()
    why = (
        "the machine has no more memory"
        if limit is None
        else f"a worker may reserve {limit / 1e6:g} MB of data ('memory_megabytes' in [agent])"
    )
    said = str(error)[:_MESSAGE]
    return f"{said}: {why}" if said else why


def users_frames(error: BaseException) -> TracebackType | None:
    """Return the traceback without the frames above the user's code, which tell a user nothing."""
    frames = error.__traceback__
    while frames is not None and _is_own(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    return frames


def _is_own(file: str) -> bool:
    return file.startswith(_FOLDERS)
