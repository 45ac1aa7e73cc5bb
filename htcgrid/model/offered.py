"""Which of a module's objects can be handlers: the rule that clients and agents share.

Whoever allows ``pricing:*`` means what ``pricing`` is for, and not what it imports to do that: with ``from os import
environ`` in it, ``pricing:environ.get`` would read secrets.
"""

import sys
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, TypeVar

T = TypeVar("T")

_MARK = "__htcgrid_handler__"
#: Most wrappers around a function that are looked through; some objects have any attribute, and another one each time.
_WRAPPERS = 100
#: What an ``__all__`` is, if it is one.
_LISTS = (list, tuple)
#: What functions that Cython has compiled are.
_COMPILED = "cython_function_or_method"


class NotOfferedError(Exception):
    """A module does not offer an object as a handler; the message says why, and what to do."""


def handler(function: T) -> T:
    """Mark a function, or any object that can be called, as a handler of the module in which it stands.

    Functions and classes that a module defines need no mark, nor does what it lists in its ``__all__``. What it makes
    or imports does: an object, a bound method, a partial, a function of another module. ``handler`` returns what it is
    given, so that it is a decorator as well as a call, as in ``price = handler(Model("flat").price)``.

    Raises:
        TypeError: it cannot be called, or takes no attributes; wrap it in a function with def.
    """
    if not callable(function):
        raise TypeError(f"only what can be called can be a handler, not a value of type {type(function).__name__}")
    # Of a bound method, its function can be marked, for every object that has it.
    try:
        setattr(getattr(function, "__func__", function), _MARK, True)
    except (AttributeError, TypeError) as error:
        raise TypeError(
            f"an object of type {type(function).__name__} cannot be marked as a handler: call it in a function that "
            "is defined with def"
        ) from error
    return function


def offered(module: ModuleType, attribute: str) -> Callable[..., Any]:
    """Return what a module offers under ``function`` or ``Class.method``.

    That is a function or a class that it defines, whatever lists in its ``__all__``, what carries the mark of
    :func:`handler`, and what is wrapped around a function that it defines, step by step by ``__wrapped__``; of a class
    it is the functions, static and class methods, and classes that its own body defines.

    Raises:
        NotOfferedError: there is none, or it is another's.
    """
    first, *rest = attribute.split(".")
    found = _of_module(module, first, last=not rest)
    path = first
    for part in rest:
        found = _of_class(found, path, part)
        path = f"{path}.{part}"
    if not callable(found):
        raise NotOfferedError(f"{path!r} is a {type(found).__name__}, and cannot be called")
    return found  # type: ignore[no-any-return]


def _of_module(module: ModuleType, name: str, *, last: bool) -> Any:
    home = module.__name__
    _refuse_hidden(name, repr(home))
    variables = vars(module)
    listed = name in _listed(module)
    # A module that makes its attributes when they are asked for is asked for none that it does not list.
    if name not in variables and not (listed and hasattr(module, name)):
        raise NotOfferedError(f"{home!r} has no attribute {name!r}")
    found = getattr(module, name)
    if isinstance(found, ModuleType):
        raise NotOfferedError(f"{name!r} is a module that {home!r} imports: name that one")
    own = found.__module__ == home if isinstance(found, type) else _is_of(found, module)
    if listed or own or _is_marked(found):
        return found
    if not callable(found):
        raise NotOfferedError(f"{name!r} is a {_kind(found)}, and cannot be called")
    raise NotOfferedError(
        f"{name!r} is {_whose(found, home)}, and not a function or a class that {home!r} defines: "
        + ("name it there, " if last and _elsewhere(found, home) else "")
        + f"mark it with htcgrid.handler, or list it in the __all__ of {home!r}"
    )


def _of_class(owner: Any, path: str, name: str) -> Any:
    if not isinstance(owner, type):
        raise NotOfferedError(
            f"{path!r} is a {_kind(owner)}, whose {name!r} anybody may have defined: give it a name of its own in the "
            "module, and mark it with htcgrid.handler"
        )
    _refuse_hidden(name, f"class {path!r}")
    if name not in vars(owner):
        raise NotOfferedError(f"the body of class {path!r} defines no {name!r}")
    held = vars(owner)[name]
    inner = held.__func__ if isinstance(held, staticmethod | classmethod) else held
    home = sys.modules.get(owner.__module__)
    if isinstance(inner, type):
        own = inner.__module__ == owner.__module__ and inner.__qualname__ == f"{owner.__qualname__}.{name}"
    else:
        own = home is not None and _is_of(inner, home)
    if not own and not _is_marked(inner):
        raise NotOfferedError(
            f"{name!r} of class {path!r} is not a function that {owner.__module__!r} defines: mark it with "
            "htcgrid.handler"
        )
    return getattr(owner, name)


def _refuse_hidden(name: str, where: str) -> None:
    if name.startswith("__") or not name.isidentifier():
        raise NotOfferedError(f"{name!r} is not one of the names that {where} defines")


def _listed(module: ModuleType) -> frozenset[str]:
    names = vars(module).get("__all__")
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, _LISTS) else frozenset()


def _is_marked(found: object) -> bool:
    """Return whether an object carries the mark itself, and not by its class, or by having any attribute."""
    function = _attribute(found, "__func__")
    marks = _attribute(found if function is None else function, "__dict__")
    return isinstance(marks, Mapping) and marks.get(_MARK) is True


def _is_of(found: object, module: ModuleType) -> bool:
    """Return whether a function is one that the module defines, or is wrapped around one."""
    for _ in range(_WRAPPERS):
        wrapped = _attribute(found, "__wrapped__")
        if wrapped is None:
            break
        found = wrapped
    if type(found) is FunctionType or type(found).__name__ == _COMPILED:
        return _attribute(found, "__globals__") is vars(module)
    # What is written in C says of which module it is a function.
    return type(found) is BuiltinFunctionType and found.__self__ is module


def _attribute(found: object, name: str) -> Any:
    try:
        return getattr(found, name, None)
    except Exception:  # noqa: BLE001 - objects are anybody's
        return None


def _elsewhere(found: object, home: str) -> str | None:
    """Return the module that a function or a class comes from, where people import it from."""
    module, name = _attribute(found, "__module__"), _attribute(found, "__name__")
    if not isinstance(found, FunctionType | BuiltinFunctionType | type) or not isinstance(module, str):
        return None
    if not isinstance(name, str) or module == home:
        return None
    # Python 3.13 keeps `Path` in `pathlib._local`.
    public = module.partition("._")[0]
    return public if _attribute(sys.modules.get(public), name) is found else module


def _whose(found: object, home: str) -> str:
    where = _elsewhere(found, home)
    return f"a {_kind(found)}" if where is None else f"imported from {where!r}"


def _kind(found: object) -> str:
    return type(found).__name__
