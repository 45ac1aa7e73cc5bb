"""Errors that are hard to show, each raised by a handler that is told its name."""
# ruff: noqa: N818, PLE0304, PLE0307, PLE0309, PLW0108, RSE102 - odd on purpose

import linecache
import os
import sys
import tempfile
from abc import ABCMeta
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn


class AttributesRaise(Exception):
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class AttributesLoop(Exception):
    def __getattr__(self, name: str) -> Any:
        return getattr(self, name + "_")


class AllAttributesExit(Exception):
    def __getattribute__(self, name: str) -> Any:
        sys.exit(3)


class StrRaises(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class StrExits(Exception):
    def __str__(self) -> str:
        sys.exit(3)


class StrInterrupts(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class StrRecurses(Exception):
    def __str__(self) -> str:
        return str(self)


class StrReturnsNumber(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


class StrIsHuge(Exception):
    def __str__(self) -> str:
        return "x" * 50_000_000


class StrHasSurrogates(Exception):
    def __str__(self) -> str:
        return "file \udcff is missing"


class _OddText(str):
    __slots__ = ()

    def _exit(self, *_: Any) -> NoReturn:
        sys.exit(3)

    __getitem__ = __format__ = encode = __len__ = __str__ = _exit  # type: ignore[assignment]


class StrIsOfASubclass(Exception):
    def __str__(self) -> str:
        return _OddText("odd text")


class ReprExits(Exception):
    def __repr__(self) -> str:
        sys.exit(3)


class _Metaclass(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in {"__name__", "__qualname__", "__module__", "__mro__"}:
            sys.exit(3)
        return super().__getattribute__(name)


class NamesExit(Exception, metaclass=_Metaclass):
    pass


class IsAbstract(Exception, metaclass=ABCMeta):
    pass


class ModuleIsNumber(Exception):
    __module__ = 5  # type: ignore[assignment]


class ClassExits(Exception):
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        sys.exit(3)


class CauseExits(Exception):
    @property
    def __cause__(self) -> BaseException | None:  # type: ignore[override]
        sys.exit(3)


class CausesWithoutEnd(Exception):
    @property
    def __cause__(self) -> BaseException | None:  # type: ignore[override]
        return CausesWithoutEnd("again")


class ContextRaises(Exception):
    @property
    def __context__(self) -> BaseException | None:  # type: ignore[override]
        raise RuntimeError("no context")


class TracebackExits(Exception):
    @property
    def __traceback__(self) -> Any:  # type: ignore[override]
        sys.exit(3)

    def with_traceback(self, tb: Any) -> Any:
        sys.exit(3)


class NotesExit(Exception):
    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]
        sys.exit(3)


class DictExits(Exception):
    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        sys.exit(3)


class BoolExits(Exception):
    def __bool__(self) -> bool:
        sys.exit(3)

    def __eq__(self, other: object) -> bool:
        sys.exit(3)

    def __hash__(self) -> int:
        sys.exit(3)


class FinalExits(__import__("htcgrid").TaskError):  # type: ignore[misc]
    @property
    def final(self) -> bool:
        sys.exit(3)


class PicklesAsAnother(Exception):
    def __reduce__(self) -> Any:
        return int, ("5",)


class PicklingInterrupts(Exception):
    def __reduce__(self) -> Any:
        raise KeyboardInterrupt


class OwnSyntaxError(SyntaxError):
    def __getattribute__(self, name: str) -> Any:
        if name in {"lineno", "text"}:
            sys.exit(3)
        return super().__getattribute__(name)


class IsBase(BaseException):
    pass


def _syntax(*details: Any) -> SyntaxError:
    return SyntaxError("bad rule", details)


def _syntax_of(message: Any) -> SyntaxError:
    return SyntaxError(message, ("rules.txt", 3, 1, "a = = b"))


def _with_odd_cause() -> Exception:
    error = ValueError("caused")
    error.__cause__ = StrExits("x")
    return error


def _with_notes(notes: Any) -> Exception:
    error = ValueError("noted")
    error.__notes__ = notes
    return error


def _cyclic() -> Exception:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    first.__context__, second.__context__ = second, first
    return first


def _long_chain() -> Exception:
    error = ValueError("number 0")
    for number in range(1, 3000):
        following = ValueError(f"number {number}")
        following.__context__ = error
        error = following
    return error


def _deep_group() -> Exception:
    error: Exception = ValueError("innermost")
    for _ in range(2000):
        error = ExceptionGroup("group", [error])
    return error


def _wide_group() -> Exception:
    error: Exception = ValueError("innermost")
    for _ in range(12):
        error = ExceptionGroup("group", [error] * 10)
    return error


def _renamed() -> Exception:
    kind: Any = type("Kind", (Exception,), {})
    kind.__name__ = _OddText("Kind")
    return kind("renamed")  # type: ignore[no-any-return]


def _of_deleted_source() -> NoReturn:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rules.py"
        file.write_text("def rule():\n    raise ValueError('its source is gone')\n")
        names: dict[str, Any] = {}
        exec(compile(file.read_text(), file, "exec"), names)
    linecache.checkcache()
    names["rule"]()
    raise AssertionError


class _Loader:
    def get_source(self, _name: str) -> str:
        sys.exit(3)


def _of_loader_that_exits() -> NoReturn:
    names: dict[str, Any] = {"__loader__": _Loader(), "__name__": "rules"}
    exec(compile("def rule():\n    raise ValueError('its loader exits')\n", "rules_of_loader.py", "exec"), names)
    names["rule"]()
    raise AssertionError


def _recursion() -> NoReturn:
    def deeper() -> NoReturn:
        deeper()

    deeper()


#: What is raised, by the name of the kind; what raises it itself is called.
KINDS: dict[str, Callable[[], BaseException]] = {
    **{
        kind.__name__ if type(kind) is not _Metaclass else "NamesExit": lambda kind=kind: kind("desk is closed")  # type: ignore[misc]
        for kind in (
            *(AttributesRaise, AttributesLoop, AllAttributesExit, StrRaises, StrExits, StrInterrupts, StrRecurses),
            *(StrReturnsNumber, StrIsHuge, StrHasSurrogates, StrIsOfASubclass, ReprExits, NamesExit, IsAbstract),
            *(ModuleIsNumber, ClassExits, CauseExits, CausesWithoutEnd, ContextRaises, TracebackExits, NotesExit),
            *(DictExits, BoolExits, FinalExits, PicklesAsAnother, PicklingInterrupts, OwnSyntaxError, IsBase),
            *(SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, MemoryError),
        )
    },
    "syntax with text for a place": lambda: _syntax("rules.txt", 3, "x", "a = = b"),
    "syntax of a number": lambda: _syntax(5, 3, 1, "a = = b"),
    "syntax of bytes": lambda: _syntax(b"rules.txt", 3, 1, b"a = = b"),
    "syntax without a line": lambda: _syntax("rules.txt", None, None, "a = = b"),
    "syntax of a huge line": lambda: _syntax("rules.txt", 1 << 70, 1 << 70, "a = = b"),
    "syntax of a wide place": lambda: _syntax("rules.txt", 1, 1, "a = = b", 1, 10**11),
    "syntax of a path": lambda: _syntax(Path("rules.txt"), 3, 1, "a = = b"),
    "syntax with an object": lambda: _syntax_of(StrExits("x")),
    "notes that are a number": lambda: _with_notes(5),
    "notes without an end": lambda: _with_notes(iter(int, 1)),
    "notes that exit": lambda: _with_notes([StrExits("x"), _OddText("odd"), "fine"]),
    "causes in a circle": _cyclic,
    "a long chain": _long_chain,
    "groups in groups": _deep_group,
    "one group in many places": _wide_group,
    "a group with an odd member": lambda: ExceptionGroup("group", [StrExits("x"), CauseExits("y")]),
    "an odd cause": _with_odd_cause,
    "odd text as its name": _renamed,
    "no source": lambda: _of_deleted_source(),
    "a loader that exits": lambda: _of_loader_that_exits(),
    "too deep": lambda: _recursion(),
    "an argument that cannot be shown": lambda: ValueError(ReprExits("x")),
    "an argument with surrogates": lambda: ValueError("\udc80"),
}


def throw(kind: str) -> str:
    """Raise an error of this kind; of any other, return the process."""
    if kind not in KINDS:
        return str(os.getpid())
    raise KINDS[kind]()
