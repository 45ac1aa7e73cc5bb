"""Functions that tests call on a grid."""

import os
import time
from typing import Any


def add(left: Any, right: Any = 0) -> Any:
    return left + right


def show(*args: Any, **kwargs: Any) -> list[Any]:
    return [list(args), kwargs]


def fail(reason: str) -> None:
    raise ValueError(reason)


def hold(path: str) -> str:
    """Return once the file is there."""
    deadline = time.monotonic() + 60
    while not os.path.exists(path):  # noqa: PTH110 - this is asked often
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return path


def length(data: bytes) -> bytes:
    return b"%d" % len(data)


def kind_and_length(data: Any) -> list[Any]:
    return [type(data).__name__, len(data)]


def shared(event: str, context: Any) -> Any:
    return context.get(event)
