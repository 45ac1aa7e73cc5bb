"""Errors as text, however odd their classes are.

An error's class is its user's code: ``__str__`` may exit, ``__cause__`` be a property that makes a new error each time
it is asked, and the name of the class raise. What Python itself keeps is therefore read past them.
"""

import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

#: Most letters of a message and of a name.
_MESSAGE = 2_000
_NAME = 200
#: Most errors of a chain, or of groups in groups, that are shown, and notes of each.
_CHAIN = 50
_NOTES = 20

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"
#: What the standard library's traceback asks an error for.
_ASKED = {
    "__cause__",
    "__context__",
    "__suppress_context__",
    "__traceback__",
    "__notes__",
    "__class__",
    "__getattr__",
    "__getattribute__",
}
#: The classes whose details that shows, and trusts to be what the interpreter makes them.
_DETAILED = (SyntaxError, NameError, AttributeError, ImportError)


def is_a(error: BaseException, kinds: type | tuple[type, ...]) -> bool:
    """Return whether an error is one of these kinds, without asking it for its ``__class__``."""
    return issubclass(type(error), kinds)


def type_name(error: BaseException) -> str:
    """Return the name of an error's type, as ``ValueError``."""
    return _name(type(error))


def type_names(error: BaseException) -> Iterator[str]:
    """Yield the names that an error goes by: its type's and those of the types that this is derived from."""
    for kind in _of(type, "__mro__", type(error))[:-1]:
        yield _name(kind)
        yield f"{_module(kind)}.{_text(_of(type, '__qualname__', kind))}"


def message_of(error: BaseException, limit: int = _MESSAGE) -> str:
    """Return what an error says, at most ``limit`` letters of it; what is said when it cannot be had."""
    try:
        return _text(str(error), limit)
    except BaseException as second:  # noqa: BLE001 - the user's code, which may also exit
        return f"(its message cannot be had: __str__ raises {type_name(second)})"


def said(error: BaseException) -> str:
    """Return the type's name and the message."""
    message = message_of(error)
    return f"{type_name(error)}: {message}" if message else type_name(error)


def frames_of(error: BaseException) -> TracebackType | None:
    """Return the traceback that Python keeps with an error."""
    frames: TracebackType | None = _of(BaseException, "__traceback__", error)
    return frames


def cause_of(error: BaseException) -> BaseException | None:
    """Return the cause that Python keeps with an error."""
    cause: BaseException | None = _of(BaseException, "__cause__", error)
    return cause


def set_cause(error: BaseException, cause: BaseException) -> None:
    """Set the cause that Python keeps with an error, past what its class makes of that."""
    vars(BaseException)["__cause__"].__set__(error, cause)


def traceback_of(error: BaseException, frames: TracebackType | None) -> str:
    """Return the traceback as Python prints it, with these frames for the error itself."""
    BaseException.with_traceback(error, frames)
    if is_plain(error):
        try:
            return _clean("".join(traceback.format_exception(error)))
        except BaseException:  # noqa: BLE001, S110 - the user's code, which may also exit
            pass
    return _clean("".join(link + "".join(_alone(one)) for one, link in reversed(_chain(error))))


def is_plain(error: BaseException) -> bool:
    """Return whether an error, and all that stand in its traceback, can be left to the standard library to show."""
    todo: list[BaseException | None] = [error]
    count = 0
    while todo and count < 2 * _CHAIN:
        one = todo.pop()
        if one is None:
            continue
        if _is_odd(one):
            return False
        count += 1
        todo += [cause_of(one), _context_of(one), *_members(one)]
    # What is left is a chain without an end, or groups that hold each other many times.
    return not todo


def _is_odd(error: BaseException) -> bool:
    """Return whether an error answers by itself what its traceback is made of."""
    kind = type(error)
    if type(kind) is not type:
        return True
    own = [each for each in kind.__mro__ if _module(each) != "builtins"]
    if any(name in _ASKED for each in own for name in vars(each)):
        return True
    if is_a(error, SyntaxError):
        return bool(own) or not _is_of_compiler(error)
    return bool(own) and is_a(error, _DETAILED)


def _is_of_compiler(error: BaseException) -> bool:
    """Return whether a SyntaxError says what the interpreter's do: its place is drawn, and may be anything."""
    texts = (_of(SyntaxError, name, error) for name in ("msg", "filename", "text"))
    places = (_of(SyntaxError, name, error) for name in ("lineno", "offset", "end_lineno", "end_offset"))
    return all(text is None or type(text) is str for text in texts) and all(
        place is None or (type(place) is int and abs(place) < _MESSAGE) for place in places
    )


def _chain(error: BaseException) -> list[tuple[BaseException, str]]:
    """Return an error and those that came before it, each with what stands above it in a traceback."""
    chain: list[tuple[BaseException, str]] = []
    known: set[int] = set()
    here: BaseException | None = error
    while here is not None:
        known.add(id(here))
        cause = cause_of(here)
        before = cause if cause is not None else _context_of(here)
        if before is None or id(before) in known or len(known) == _CHAIN:
            chain.append((here, ""))
            break
        chain.append((here, _CONTEXT if cause is None else _CAUSE))
        here = before
    return chain


def _alone(error: BaseException) -> Iterator[str]:
    """Yield an error's own traceback, and what is said by those that are grouped in it."""
    frames = frames_of(error)
    if frames is not None:
        yield "Traceback (most recent call last):\n" + _stack(frames)
    todo = [(error, 0)]
    for _ in range(_CHAIN):
        if not todo:
            return
        one, depth = todo.pop()
        for line in (f"{_whole_name(type(one))}: {message_of(one)}", *_notes(one)):
            yield "  | " * depth + line + "\n"
        todo += [(member, depth + 1) for member in reversed(_members(one))]
    yield "  …\n"


def _members(error: BaseException) -> tuple[BaseException, ...]:
    found: tuple[BaseException, ...] = ()
    if is_a(error, BaseExceptionGroup):
        found = _of(BaseExceptionGroup, "exceptions", error)
    return found[:_CHAIN]


def _context_of(error: BaseException) -> BaseException | None:
    """Return what was handled when an error was raised, unless it is not to be shown."""
    context: BaseException | None = _of(BaseException, "__context__", error)
    return None if _of(BaseException, "__suppress_context__", error) else context


def _stack(frames: TracebackType) -> str:
    try:
        return "".join(traceback.format_tb(frames))
    except BaseException as second:  # noqa: BLE001 - lines come from the loaders of modules, which are anybody's
        return f"  (the frames cannot be shown: {type_name(second)})\n"


def _notes(error: BaseException) -> list[str]:
    """Return the notes that were added to an error."""
    notes = dict.get(_of(BaseException, "__dict__", error), "__notes__")
    kept = notes[:_NOTES] if type(notes) is list else []
    return [_text(note, _MESSAGE) for note in kept if issubclass(type(note), str)]


def _of(owner: type, name: str, of: Any) -> Any:
    """Return an attribute as ``owner`` keeps it, whatever the class of its holder has under that name."""
    return vars(owner)[name].__get__(of)


def _name(kind: type) -> str:
    return _text(_of(type, "__name__", kind))


def _module(kind: type) -> str:
    try:
        found = _of(type, "__module__", kind)
    except AttributeError:
        return "?"
    return _text(found) if type(found) is str else "?"


def _whole_name(kind: type) -> str:
    module, name = _module(kind), _text(_of(type, "__qualname__", kind))
    return name if module in {"builtins", "__main__"} else f"{module}.{name}"


def _text(text: str, limit: int = _NAME) -> str:
    """Return the letters of text, of which a subclass of str may answer otherwise."""
    return _clean(str.__getitem__(text, slice(limit)))


def _clean(text: str) -> str:
    """Return text that can be sent: names of files, and so messages, may hold what no encoding has."""
    return text.encode("utf-8", "backslashreplace").decode()
