"""Functions that cannot keep anything between two calls."""

import builtins
import opcode
from collections.abc import Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

#: What nobody can change.
_PLAIN = (type(None), bool, int, float, complex, str, bytes, range, ModuleType)
#: By these a function changes variables that outlive the call, or attributes, as its own.
_CHANGING = frozenset(
    number
    for name, number in opcode.opmap.items()
    if name.startswith(("STORE_", "DELETE_")) and name.endswith(("_GLOBAL", "_DEREF", "_ATTR"))
)
#: By these built-in functions, too.
_REACHING = frozenset(
    {"globals", "vars", "setattr", "delattr", "exec", "eval", "__import__", "__dict__", "__globals__"}
)


def is_stateless(function: object) -> bool:
    """Return whether a function that was unpickled is the same for every call: it holds nothing that could change.

    Whoever is not sure says no. What it finds in modules is the modules'.
    """
    return _is_stateless(function, set())


def _is_stateless(value: Any, seen: set[int]) -> bool:
    if isinstance(value, _PLAIN) or (isinstance(value, type) and vars(builtins).get(value.__name__) is value):
        # Of a subclass, an instance may have attributes.
        return type(value) in _PLAIN or isinstance(value, type)
    if type(value) is BuiltinFunctionType:
        # A method of an object, as ``list.append``, has the same type, and changes the object.
        return isinstance(value.__self__, ModuleType)
    if id(value) in seen:
        return True
    seen.add(id(value))
    if type(value) in {tuple, frozenset}:
        return all(_is_stateless(item, seen) for item in value)
    if type(value) is not FunctionType or value.__dict__ or not _keeps_nothing(value.__code__):
        return False
    held = [cell.cell_contents for cell in value.__closure__ or ()]
    held += [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), *_own(value.__globals__)]
    return all(_is_stateless(one, seen) for one in held)


def _own(variables: Mapping[str, Any]) -> list[Any]:
    """Return what a function's module has beside what every module has."""
    return [value for name, value in variables.items() if not (name.startswith("__") and name.endswith("__"))]


def _keeps_nothing(code: CodeType) -> bool:
    inner = all(_keeps_nothing(one) for one in code.co_consts if isinstance(one, CodeType))
    return inner and _CHANGING.isdisjoint(code.co_code[::2]) and _REACHING.isdisjoint(code.co_names)
