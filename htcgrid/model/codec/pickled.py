"""Any object as pickle has it; to read the bytes can run any code."""

import io
from collections.abc import Callable
from typing import Any

from htcgrid.errors import EncodingError
from htcgrid.model.codec.place import shown
from htcgrid.model.error_text import said
from htcgrid.model.script import MAIN, MAIN_TOO, script_module

_MAIN = (MAIN, MAIN_TOO)


def pickler(script: str) -> Callable[[Any], bytes]:
    """Return a function that pickles; what the client's script defines, if there is one, by its name there."""
    return (lambda value: _pickled(value, script)) if script else pickled


def pickled(value: Any) -> bytes:
    """Return an object pickled, with functions and classes that have no importable name taken along.

    Raises:
        EncodingError: it cannot be pickled.
    """
    return _pickled(value, "")


def _pickled(value: Any, script: str) -> bytes:
    file = io.BytesIO()
    try:
        _class_of_picklers()(file, script).dump(value)
    except (Exception, SystemExit, GeneratorExit) as error:  # the user's objects are asked how they are pickled
        raise EncodingError(
            f"{shown(value)} cannot be pickled: {said(error)}; leave out what belongs to this "
            "process, as locks, open files and connections"
        ) from error
    return file.getvalue()


def _class_of_picklers() -> Any:
    """Return our class of picklers, made when it is needed first."""
    from htcgrid.model.codec.by_reference import ReferringPickler  # noqa: PLC0415 - imports cloudpickle: 25 ms

    return ReferringPickler


def unpickled(data: bytes) -> Any:
    """Return the object.

    Raises:
        EncodingError: it cannot be made here.
    """
    import pickle  # noqa: PLC0415 - needed by few

    try:
        return pickle.loads(data)  # noqa: S301 - both sides have asked for it
    except (Exception, SystemExit, GeneratorExit) as error:  # the user's objects are made again
        raise EncodingError(
            f"{len(data)} bytes cannot be unpickled: {said(error)}; what they refer to must be "
            "importable here, in the same version as where they come from"
        ) from error


def from_script(script: str, qualname: str) -> Any:
    """Return what the client's script, which is ``__main__`` here, has under this name."""
    found: Any = script_module(script)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def named_in_script(script: str, value: Any) -> str | None:
    """Return the name under which the client's script has a class or function; None if it has not."""
    name = getattr(value, "__qualname__", None)
    if not isinstance(name, str) or getattr(value, "__module__", None) not in _MAIN:
        return None
    try:
        return name if from_script(script, name) is value else None
    except (AttributeError, ImportError):
        return None
