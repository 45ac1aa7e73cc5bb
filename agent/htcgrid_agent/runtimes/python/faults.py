"""What went wrong, as it is carried to the client."""

import sys
import traceback
from pathlib import Path
from types import TracebackType

import msgspec

from htcgrid import model
from htcgrid.errors import ConfigError, EncodingError, PayloadLostError, TaskError
from htcgrid.model.builtin_error import BuiltinError, carried
from htcgrid.model.codec import Codec
from htcgrid.model.error_text import cause_of, frames_of, is_a, message_of, traceback_of, type_name, type_names
from htcgrid.model.outcome import Failure
from htcgrid.model.python_client import python_client
from htcgrid_agent.runtimes.python.calls import is_pickled
from htcgrid_agent.runtimes.python.loader import HandlerError, SetupError
from htcgrid_agent.runtimes.python.memory import lift_memory_limit
from htcgrid_agent.workers.messages import RunTasks

_TRACEBACK = 8_000
_MESSAGE = 2_000
#: Most bytes of an exception of Python's own: it stands beside results in a pack, and groups may hold many.
_BUILTIN = 64 << 10
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
    refused = frames is None and is_a(error, EncodingError)
    shown = "" if refused else traceback_of(error, frames)
    return Failure(
        type=type_name(error),
        message=message,
        traceback=shown[-_TRACEBACK:] + _versions(tasks),
        final=refused or _is_final(error) or not tasks.retry.retries(type_names(error)),
        builtin=_builtin(error) if tasks.calls or is_pickled(tasks) else None,
    )


def said_of_what(error: BaseException, used: Codec) -> BaseException:
    """Return an error of the codec's with the word whether payload or result could not be carried; others as they are.

    Only an error costs anything here: the tasks before and after it do not.
    """
    frames = frames_of(error)
    if not is_a(error, EncodingError) or frames is None or frames.tb_next is None:
        return error
    for what, function in (("payload", used.decode), ("result", used.encode)):
        if frames.tb_next.tb_frame.f_code is getattr(function, "__code__", None):
            return EncodingError(f"the {what}: {message_of(error)}").with_traceback(frames)
    return error


def unloadable(error: HandlerError | ConfigError | SetupError, tasks: RunTasks) -> Failure:
    """Return why no task of a run can begin; only what a ``setup()`` raised may go better another time."""
    cause = cause_of(error)
    shown = traceback_of(cause, users_frames(cause)) if cause is not None else ""
    raised = cause if isinstance(error, SetupError) else None
    return Failure(
        type=type_name(error if raised is None else raised),
        message=_message(error) + _versions(tasks),
        traceback=shown[-_TRACEBACK:],
        final=raised is None or not tasks.retry.retries(type_names(raised)),
    )


def _is_final(error: BaseException) -> bool:
    """Return whether an error says itself that another try does not help."""
    if is_a(error, _FINAL):
        return True
    try:
        return is_a(error, TaskError) and bool(error.final)  # type: ignore[attr-defined]
    except BaseException:  # noqa: BLE001 - a class of the user's may make a property of it
        return False


def _builtin(error: BaseException) -> BuiltinError | None:
    try:
        found = carried(error)
        return found if found is None or len(msgspec.msgpack.encode(found)) <= _BUILTIN else None
    except BaseException:  # noqa: BLE001 - what it holds is the user's
        return None


def _versions(tasks: RunTasks) -> str:
    """Say that the client runs another Python, which may be why."""
    version = python_client(tasks.codec_options).version
    if version in {"", PYTHON}:
        return ""
    return f"\n(the client runs Python {version}, and this worker {PYTHON})"


def _message(error: BaseException) -> str:
    return _out_of_memory(error) if is_a(error, MemoryError) else message_of(error, _MESSAGE)


def _out_of_memory(error: BaseException) -> str:
    # What the handler holds in its variables is not needed any more, and all other memory may be in its globals.
    traceback.clear_frames(frames_of(error))
    limit = lift_memory_limit()
    why = (
        "the machine has no more memory"
        if limit is None
        else f"a worker may reserve {limit / 1e6:g} MB of data ('memory_megabytes' in [agent])"
    )
    said = message_of(error, _MESSAGE)
    return f"{said}: {why}" if said else why


def users_frames(error: BaseException) -> TracebackType | None:
    """Return the traceback without the frames above the user's code, which tell a user nothing."""
    frames = frames_of(error)
    while frames is not None and _is_own(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    return frames


def _is_own(file: str) -> bool:
    return file.startswith(_FOLDERS)
