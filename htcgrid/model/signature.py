"""What a function can take, and whether calling it runs it: what connector and worker must agree on."""

from collections.abc import Callable, Sequence
from functools import partial
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from inspect import Parameter

#: Flags of a function's code (inspect.CO_*).
_VARIADIC, _GENERATOR, _ASYNC_GENERATOR = 0x04, 0x20, 0x200
#: What a parameter is called that wants the context, where that does not follow from its place.
CONTEXT = frozenset({"context", "_context", "ctx", "_ctx", "lambda_context"})

#: Most wrappers around a function that are looked through; some objects have any attribute, and another one each time.
_WRAPPERS = 100

Handler = Callable[[Any, Any], Any]


class Taken(NamedTuple):
    """How a handler is called."""

    #: 2 when the context follows the event by its place.
    places: int
    #: The name of the parameter that takes the context, when it takes it by name only.
    name: str = ""

    def handler(self, function: Callable[..., Any]) -> Handler:
        """Return ``function`` as one of event and context."""
        if self.places == 2:
            return function
        if self.name:
            return lambda event, context: function(event, **{self.name: context})
        return lambda event, _context: function(event)


def taken(function: Callable[..., Any]) -> Taken:
    """Return how a handler is called: with event and context, or with the event alone.

    A second parameter without a default takes the context, and so does one with a default, or by name only, that is
    called ``context`` or ``ctx``. A decorated function is judged by its wrapper, and one that hands on whatever it gets
    by what it wraps. An object that takes whatever it gets mostly hands it on, as ``numpy.vectorize``, and gets the
    event alone.

    Raises:
        TypeError: it can be called in neither way; the message says what it takes, as "needs 3 arguments".
    """
    return _taken(function, _WRAPPERS)


def _taken(function: Callable[..., Any], wrappers: int) -> Taken:
    code = getattr(function, "__code__", None)
    if isinstance(code, CodeType) and not code.co_flags & _VARIADIC and not code.co_kwonlyargcount:
        bound = 1 if hasattr(function, "__self__") else 0
        defaults = len(getattr(function, "__defaults__", None) or ())
        names = code.co_varnames[bound : code.co_argcount]
        return _judged(names, needed=len(names) - defaults)
    # Slow to import, and needed for rare callables only.
    import inspect  # noqa: PLC0415

    try:
        parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):
        # Of what is written in C, nothing is known.
        return _of_wrapped(function, wrappers) or Taken(1)
    return _of_parameters(function, list(parameters), wrappers)


def _of_wrapped(function: Callable[..., Any], wrappers: int) -> Taken | None:
    wrapped = getattr(function, "__wrapped__", None)
    return _taken(wrapped, wrappers - 1) if callable(wrapped) and wrappers else None


def _of_parameters(function: Callable[..., Any], parameters: "Sequence[Parameter]", wrappers: int) -> Taken:
    named = [one for one in parameters if one.kind is one.KEYWORD_ONLY]
    context = next((one.name for one in named if one.name in CONTEXT), "")
    if missing := [one.name for one in named if one.default is one.empty and one.name != context]:
        raise TypeError(f"needs the argument {missing[0]!r} by its name")
    places = [one for one in parameters if one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD}]
    needed = [one for one in places if one.default is one.empty]
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        if (found := _of_wrapped(function, wrappers)) is not None:
            return found
        if not places and not _is_function(function):
            return Taken(1)
        if len(needed) <= 2:
            return Taken(1, context) if context else Taken(2)
    if context and len(needed) <= 1 and places:
        return Taken(1, context)
    return _judged([one.name for one in places], needed=len(needed))


def _is_function(function: object) -> bool:
    while isinstance(function, partial):
        function = function.func
    return hasattr(function, "__code__")


def _judged(names: Sequence[str], *, needed: int) -> Taken:
    if not names:
        raise TypeError("takes no argument")
    if needed > 2:
        raise TypeError(f"needs {needed} arguments")
    if needed == 2 or (len(names) > 1 and names[1] in CONTEXT):
        return Taken(2)
    return Taken(1, next((name for name in names[2:] if name in CONTEXT), ""))


def call_of(thing: object) -> object:
    """Return what an object's class does when the object is called; None if it cannot be."""
    return next((vars(kind)["__call__"] for kind in type(thing).__mro__ if "__call__" in vars(kind)), None)


def runs_late(function: object) -> str | None:
    """Return what calling the function gives that would still have to be gone through; None of any other function."""
    while isinstance(function, partial):
        function = function.func
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType) and not isinstance(function, type):
        code = getattr(call_of(function), "__code__", None)
    flags = code.co_flags if isinstance(code, CodeType) else 0
    if flags & _ASYNC_GENERATOR:
        return "an async generator"
    return "a generator" if flags & _GENERATOR else None


def late_advice(kind: str) -> str:
    """Return what is wrong with a function of such a kind, and what to do."""
    how = "[item async for item in …]" if kind.startswith("an async") else "list(…)"
    return f"calling it gives {kind}, and runs nothing: let it return its results, as {how}"
