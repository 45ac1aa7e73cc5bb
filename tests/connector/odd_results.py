"""Results that a worker pickles, and that nobody can make again."""
# ruff: noqa: N818, RSE102 - odd on purpose

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any

from htcgrid.errors import ConfigError, EncodingError
from tests.connector import odd_errors


class OddEncodingError(EncodingError):
    def __str__(self) -> str:
        raise SystemExit(3)


def _recurse() -> None:
    _recurse()


#: What making the result again raises.
KINDS: dict[str, Callable[[], Any]] = {
    kind.__name__ if kind is not odd_errors.NamesExit else "NamesExit": lambda kind=kind: kind("cannot be made")  # type: ignore[misc]
    for kind in (
        *(SystemExit, KeyboardInterrupt, GeneratorExit, BaseException, MemoryError, RecursionError, ValueError),
        *(StopIteration, StopAsyncIteration, ImportError, AttributeError, asyncio.CancelledError, TimeoutError),
        *(concurrent.futures.BrokenExecutor, ConfigError, EncodingError, OddEncodingError, odd_errors.StrExits),
        *(odd_errors.StrInterrupts, odd_errors.AllAttributesExit, odd_errors.ClassExits, odd_errors.NamesExit),
        *(odd_errors.BoolExits, odd_errors.CauseExits, odd_errors.TracebackExits, odd_errors.IsBase),
    )
}


def burst(kind: str) -> Any:
    """Raise an error of a kind, as what is unpickled may."""
    if kind == "it recurses":
        _recurse()
    raise KINDS[kind]()


class Result:
    """Can be pickled, and raises when it is made again."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __reduce__(self) -> Any:
        return burst, (self.kind,)


class SetState:
    """Raises when it gets its state again."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __setstate__(self, state: dict[str, str]) -> None:
        burst(state["kind"])


class New:
    """Raises when it is made without an argument of its own."""

    def __new__(cls, kind: str = "SystemExit", *, made: bool = False) -> "New":
        if not made:
            burst(kind)
        return super().__new__(cls)


class Raised(Exception):
    """An exception that raises when it is made again."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind

    def __reduce__(self) -> Any:
        return burst, (self.kind,)


def give(event: str) -> Any:
    """Return a result of this kind, or raise such an exception; the event itself when it names no kind."""
    way, _, kind = event.partition(" ")
    if way == "raise":
        raise Raised(kind)
    ways: dict[str, Callable[[str], Any]] = {
        "reduce": Result,
        "state": SetState,
        "new": lambda kind: New(kind, made=True),
    }
    return ways[way](kind) if way in ways else event
