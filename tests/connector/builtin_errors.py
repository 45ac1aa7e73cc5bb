"""Exceptions of Python's own, and some that are not, each raised by a call that is told its name."""
# ruff: noqa: PLE0643, PLW0108, RSE102, SIM115 - wrong on purpose

import builtins
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: Code that raises, by what it is about.
RAISING: dict[str, Callable[[], Any]] = {
    "division": lambda: 1 / 0,
    "a file that is not there": lambda: Path("/no/such/file").open(),
    "a folder that is none": lambda: list(Path("/dev/null").iterdir()),
    "bytes that are no text": lambda: b"ab\xff".decode(),
    "many bytes that are no text": lambda: (b"a" * 100_000 + b"\xff" + b"b" * 100_000).decode(),
    "text that is no bytes": lambda: "é".encode("ascii"),
    "a key": lambda: dict[str, int]()["trade"],
    "a key that is a tuple": lambda: dict[tuple[str, int], int]()["trade", 3],
    "an index": lambda: [][3],
    "an attribute": lambda: math.sine,  # type: ignore[attr-defined]
    "a name": lambda: eval("undefined"),
    "a module": lambda: __import__("no_such_module"),
    "an item": lambda: next(iter([])),
    "syntax": lambda: compile("a = = b", "rules", "exec"),
    "a type": lambda: int([]),  # type: ignore[call-overload]
    "a number": lambda: int("first"),
    "a large number": lambda: math.exp(1000),
    "recursion": lambda: _recurse(),
    "memory": lambda: b"x" * (1 << 62),
}


def _recurse() -> None:
    _recurse()


#: Exceptions with all kinds of arguments.
MADE: dict[str, Callable[[], Exception]] = {
    "no argument": lambda: ValueError(),
    "several arguments": lambda: RuntimeError("desk", 3, None, True, 0.5, b"x", ("a", ("b",))),
    "an OSError": lambda: OSError(2, "not there", "curve.csv"),
    "an OSError of two files": lambda: OSError(18, "other disk", "a", None, "b"),
    "an OSError of text": lambda: OSError("no market"),
    "a refused connection": lambda: ConnectionRefusedError(111, "refused"),
    "a permission": lambda: PermissionError(13, "not yours", "/root"),
    "an exit of a child": lambda: ChildProcessError(10, "no child"),
    "time that is up": lambda: builtins.TimeoutError("late"),
    "a stop with a value": lambda: StopIteration(3),
    "an asynchronous stop": lambda: StopAsyncIteration(3),
    "an import": lambda: ImportError("not there", name="curves", path="/lib/curves.py"),
    "a warning": lambda: UserWarning("soon"),
    "a key of None": lambda: KeyError(None),
    "not written yet": lambda: NotImplementedError("asian options"),
    "an assertion": lambda: AssertionError("bid <= ask"),
    "text of other scripts": lambda: ValueError("価格 \N{EURO SIGN}"),
    "arithmetic": lambda: FloatingPointError("underflow"),
    "an end": lambda: EOFError("of the feed"),
    "Exception itself": lambda: Exception("just this"),
    "a group": lambda: ExceptionGroup("two", [ValueError("one"), ExceptionGroup("more", [KeyError("k")])]),
    "an own attribute": lambda: _with(ValueError("bad"), code=7),
}


def _with(error: Exception, **attributes: Any) -> Exception:
    vars(error).update(attributes)
    error.add_note("seen in Zürich")
    return error


class ValueError_(ValueError):  # noqa: N801, N818 - nearly the name of Python's own
    pass


class TimeoutError(builtins.TimeoutError):  # noqa: A001 - as libraries have
    pass


#: Exceptions that stay TaskFailedErrors: of classes that only imports would find, those that end a program, and what is
#: too large to stand beside results.
OTHERS: dict[str, Callable[[], BaseException]] = {
    "a class of the user's": lambda: ValueError_("x"),
    "a class with the name of Python's own": lambda: TimeoutError("x"),
    "a group with one of those": lambda: ExceptionGroup("x", [ValueError_("x")]),
    "an exit": lambda: SystemExit(3),
    "an interrupt": lambda: KeyboardInterrupt(),
    "a generator's exit": lambda: GeneratorExit(),
    "a group of interrupts": lambda: BaseExceptionGroup("x", [KeyboardInterrupt()]),
    "a large group": lambda: ExceptionGroup("x", [ValueError("x" * 7000, number) for number in range(20)]),
}
#: Arguments that no plain data is, by what arrives.
SHOWN: dict[str, Callable[[], Exception]] = {
    "ValueError('range(0, 3)')": lambda: ValueError(range(3)),
    "ValueError('1208925819614629174706176')": lambda: ValueError(1 << 80),
    "ValueError('file \\\\udcff')": lambda: ValueError("file \udcff"),
    "KeyError('Path')": lambda: KeyError(type("Path", (), {"__repr__": lambda self: "Path"})()),
    "FileNotFoundError(2, 'no')": lambda: FileNotFoundError(2, "no", Path("/curves")),
}


def throw(name: str) -> Any:
    """Raise what has this name; or return the name."""
    for kinds in (MADE, OTHERS, SHOWN):
        if name in kinds:
            raise kinds[name]()
    return RAISING[name]() if name in RAISING else name
