"""Exceptions of Python's own, carried as plain data: their names, arguments and attributes.

Nothing is imported to make one again, and no code of the data's is run: the names are those of :mod:`builtins` alone.
"""

import builtins
from pathlib import PosixPath, WindowsPath
from typing import Any

import msgspec

from htcgrid.model.error_text import message_of

#: Most arguments, attributes or members; letters or bytes of one; and how deep tuples and groups stand in each other.
_MANY = 32
_LONG = 8_000
_DEEP = 4
#: What is kept on each side of an error in a long text.
_AROUND = 100
_PLAIN = (str, bytes, int, float, bool, type(None))
#: Attributes that are no arguments, and that Python keeps outside of the error's dict.
_KEPT: dict[type[Exception], tuple[str, ...]] = {
    ImportError: ("name", "path"),
    NameError: ("name",),
    AttributeError: ("name",),
}
#: What MessagePack has of whole numbers.
_SMALLEST, _LARGEST = -(1 << 63), 1 << 64


class BuiltinError(msgspec.Struct, frozen=True, array_like=True):
    """An exception whose type is one of Python's own."""

    name: str
    args: list[Any] = []
    attributes: dict[str, Any] = {}
    notes: list[str] = []
    #: Those that an ExceptionGroup holds.
    members: list["BuiltinError"] = []


def carried(error: BaseException, depth: int = 0) -> BuiltinError | None:
    """Return an exception as data; None when it is not just of a type of Python's own, or ends its program.

    Arguments that are no plain values are carried as what ``repr`` shows of them.
    """
    kind = type(error)
    if vars(builtins).get(kind.__name__ if type(kind) is type else "") is not kind or not issubclass(kind, Exception):
        return None
    if isinstance(error, ExceptionGroup):
        return _group(error, depth)
    # As pickle asks it, which of an OSError also tells the file.
    reduced: Any = kind.__reduce__(error)
    found = vars(error) | {name: getattr(error, name) for name in _KEPT.get(_base(kind), ())}
    return BuiltinError(
        kind.__name__,
        [_argument(one) for one in _near(kind, reduced[1])[:_MANY]],
        {name: value for name, value in list(found.items())[:_MANY] if type(name) is str and _is_plain(value)},
        _notes(found),
    )


def made(data: BuiltinError, depth: int = 0) -> Exception | None:
    """Return the exception again; None if there is no such one here, or it cannot be made of this."""
    kind = vars(builtins).get(data.name)
    if not isinstance(kind, type) or not issubclass(kind, Exception) or depth > _DEEP:
        return None
    args = [_tupled(one) for one in data.args]
    if kind is ExceptionGroup:
        members = [made(member, depth + 1) for member in data.members]
        args.append([member for member in members if member is not None])
    try:
        error: Exception = kind(*args)
        _set(error, data.attributes)
        for note in data.notes:
            error.add_note(note)
    except Exception:  # noqa: BLE001 - of another version of Python, it may take other arguments
        return None
    return error if type(error) is kind else None


def _group(error: "ExceptionGroup[Exception]", depth: int) -> BuiltinError | None:
    members = [carried(member, depth + 1) for member in error.exceptions[:_MANY]] if depth < _DEEP else [None]
    whole = [member for member in members if member is not None]
    if len(whole) < len(error.exceptions):
        return None
    return BuiltinError("ExceptionGroup", [_argument(error.message)], {}, _notes(vars(error)), whole)


def _near(kind: type[Exception], args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments; of an error in a long text, with what stands around it, and where that is."""
    if kind not in {UnicodeDecodeError, UnicodeEncodeError} or len(args[1]) <= _LONG:
        return args
    encoding, whole, start, end, reason = args
    first = max(0, start - _AROUND)
    near, last = whole[first : start + _AROUND], min(end - first, 2 * _AROUND)
    return encoding, near, start - first, last, f"{reason} (it is at position {start} of {len(whole)})"


def _base(kind: type[Exception]) -> type[Exception]:
    return next((base for base in _KEPT if issubclass(kind, base)), Exception)


def _set(error: Exception, attributes: dict[str, Any]) -> None:
    """Set what was set on the error, and what the interpreter keeps by itself; nothing that its class has."""
    kept = _KEPT.get(_base(type(error)), ())
    for name, value in attributes.items():
        if name in kept:
            setattr(error, name, value)
        elif not hasattr(type(error), name) and not name.startswith("__"):
            vars(error)[name] = value


def _notes(found: dict[str, Any]) -> list[str]:
    notes = found.get("__notes__")
    return [note[:_LONG] for note in notes[:_MANY] if type(note) is str] if type(notes) is list else []


def _argument(value: Any) -> Any:
    if _is_plain(value):
        return value
    try:
        shown = value if type(value) is str else _shown(value)
        return _encoded(str.__getitem__(shown, slice(_LONG)))
    except BaseException as error:  # noqa: BLE001 - the user's code, which may also exit
        return f"(it cannot be shown: {message_of(error)})"


def _shown(value: object) -> str:
    # An OSError may have the path that it is about.
    return str(value) if type(value) in {PosixPath, WindowsPath} else repr(value)


def _encoded(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Return whether a value arrives as it is."""
    if type(value) is tuple:
        return len(value) <= _MANY and depth < _DEEP and all(_is_plain(one, depth + 1) for one in value)
    if type(value) is int:
        return _SMALLEST <= value < _LARGEST
    if type(value) is str:
        return len(value) <= _LONG and _encoded(value) == value
    return type(value) in _PLAIN and (type(value) is not bytes or len(value) <= _LONG)


def _tupled(value: Any) -> Any:
    """Return tuples in place of the arrays that MessagePack has."""
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
