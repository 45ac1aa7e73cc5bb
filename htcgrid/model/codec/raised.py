"""Exceptions as pickle has them, made again without calling an ``__init__`` that was written in Python.

pickle calls the class with ``args``, which are what ``Exception.__init__`` was given: whoever makes a message there of
other arguments gets it made once more of the message, or an error that arguments are missing.
"""

import builtins
from types import FunctionType
from typing import Any


def reduced(error: BaseException) -> tuple[Any, ...] | None:
    """Return how an exception is made again; None to leave it to pickle."""
    kind = type(error)
    own = (getattr(kind, name) for name in ("__init__", "__new__"))
    if not any(isinstance(made, FunctionType) for made in own):
        return None
    if kind.__reduce__ is not BaseException.__reduce__ or kind.__reduce_ex__ is not object.__reduce_ex__:
        return None
    usual: Any = error.__reduce__()
    return made, (kind, *usual[1]), *usual[2:]


def made(kind: type[BaseException], *args: Any) -> BaseException:
    """Return an exception of this class with these ``args``."""
    base: Any = next(each for each in kind.__mro__ if each.__module__ == builtins.__name__)
    error: BaseException = base.__new__(kind, *args)
    base.__init__(error, *args)
    return error
