"""What the tasks of the grid's contract do. Agents import this module, so it needs little."""

import os
import threading
import time
from dataclasses import dataclass
from enum import Enum
from typing import Any

from htcgrid.errors import TaskError


class Side(Enum):
    """An Enum that payloads hold."""

    BUY = "buy"
    SELL = "sell"


@dataclass(frozen=True)
class Trade:
    """A dataclass that payloads hold."""

    side: Side
    prices: tuple[float, ...]


def echo(event: Any) -> Any:
    """Return the payload."""
    return event


def describe(event: Any, context: Any) -> dict[str, Any]:
    """Return what a handler learns about its task."""
    return {
        "event": event,
        "session": context.session_id,
        "index": context.index,
        "try": context.try_number,
        "labels": dict(context.labels),
        "limited": context.remaining() is not None,
    }


def length(event: Any) -> int:
    """Return the length of the payload."""
    return len(event)


def length_of_shared(ref: str, context: Any) -> int:
    """Return the length of the shared input that the payload refers to."""
    return len(context.get(ref))


def say(event: Any, context: Any) -> Any:
    """Print and log the payload, and fail for a negative number, which another try cannot help."""
    print("printed", event)  # noqa: T201 - what is printed is what is tested
    context.logger.warning("logged %s", event)
    if event < 0:
        raise TaskError.no_retry(f"{event} is negative")
    return event


def repeat(event: dict[str, Any]) -> str:
    """Return a text many times over."""
    return str(event["text"]) * int(event["times"])


def reverse(event: bytes) -> bytes:
    """Return the payload's bytes, the last first."""
    return event[::-1]


def sleep(seconds: float) -> float:
    """Return the payload after as many seconds."""
    time.sleep(seconds)
    return seconds


def sleep_at_first(seconds: float, context: Any) -> int:
    """Sleep in the first try only; return the number of the try."""
    if context.try_number == 1:
        time.sleep(seconds)
    return int(context.try_number)


def fail(event: Any) -> Any:
    """Raise an error for a text, and return anything else."""
    if isinstance(event, str):
        raise ValueError(f"this task was told to say: {event}")  # noqa: TRY004 - it stands for any error of a user's
    return event


def fail_before(last: int, context: Any) -> int:
    """Raise an error in every try before the one that the payload names; return the number of that try."""
    if context.try_number < last:
        raise RuntimeError(f"try {context.try_number} of {last} went wrong")
    return int(context.try_number)


def die(event: Any) -> Any:
    """End the worker's process for a text, without a word; return anything else."""
    if isinstance(event, str):
        os._exit(3)
    return event


def die_at_first(_event: Any, context: Any) -> int:
    """End the worker's process in the first try only; return the number of the try."""
    if context.try_number == 1:
        os._exit(3)
    return int(context.try_number)


def leave(status: int) -> None:
    """Leave as a script does, which must not cost the grid a worker."""
    raise SystemExit(status)


def lock(_event: Any) -> Any:
    """Return what no codec can carry."""
    return threading.Lock()


def not_a_number(_event: Any) -> float:
    """Return what JSON has no word for."""
    return float("nan")
