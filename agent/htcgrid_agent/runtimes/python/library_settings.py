"""Settings that libraries keep for a whole process; no library is loaded to look at them.

Each value is None while it is what the library begins with, so that it does not matter when it was loaded.
"""

import decimal
import sys
from collections.abc import Callable
from typing import Any

_NUMPY = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_LOGGING: tuple[Any, ...] = (30, False, [], [], 0, True, None, None)


def _decimal() -> tuple[Any, ...]:
    """Return the context's precision, rounding, bounds of exponents, capitals, clamp, flags and traps."""
    values: tuple[Any, ...] = decimal.getcontext().__reduce__()[1]
    return values


def _put_decimal(was: tuple[Any, ...]) -> None:
    # In place: modules may hold the context.
    context = decimal.getcontext()
    context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp = was[:6]
    for kept, values in ((was[6], context.flags), (was[7], context.traps)):
        for signal in list(values):
            values[signal] = signal in kept


def _logging() -> tuple[Any, ...] | None:
    """Return how the root logger is set up, and what holds for all loggers."""
    module = sys.modules.get("logging")
    root = getattr(module, "root", None)
    if module is None or root is None:
        return None
    record, logger = module.getLogRecordFactory(), module.getLoggerClass()
    values = (
        root.level,
        root.disabled,
        root.handlers[:],
        root.filters[:],
        root.manager.disable,
        module.raiseExceptions,
        None if record is module.LogRecord else record,
        None if logger is module.Logger else logger,
    )
    return None if values == _LOGGING else values


def _put_logging(was: tuple[Any, ...] | None) -> None:
    module: Any = sys.modules["logging"]
    root = module.root
    level, root.disabled, root.handlers[:], root.filters[:], disable, raising, record, logger = was or _LOGGING
    root.setLevel(level)
    module.disable(disable)
    module.raiseExceptions = raising
    module.setLogRecordFactory(record or module.LogRecord)
    module.setLoggerClass(logger or module.Logger)


def _captured() -> bool:
    """Return whether :mod:`logging` has taken the place of what shows warnings."""
    return getattr(sys.modules.get("logging"), "_warnings_showwarning", None) is not None


def _put_captured(was: bool) -> None:
    sys.modules["logging"].captureWarnings(was)


def _numpy() -> dict[str, str] | None:
    """Return what numpy does about errors in arithmetic."""
    look = getattr(sys.modules.get("numpy"), "geterr", None)
    values = None if look is None else look()
    return None if values == _NUMPY else values


def _put_numpy(was: dict[str, str] | None) -> None:
    sys.modules["numpy"].seterr(**(was or _NUMPY))


def _multiprocessing() -> str | None:
    """Return the start method that was set."""
    look = getattr(sys.modules.get("multiprocessing"), "get_start_method", None)
    return None if look is None else look(allow_none=True)


def _put_multiprocessing(was: str | None) -> None:
    sys.modules["multiprocessing"].set_start_method(was, force=True)


def _asyncio() -> tuple[Any, ...] | None:
    """Return the policy, and the loop of this thread; asyncio.run() leaves none, which others cannot do without."""
    policy = getattr(sys.modules.get("asyncio.events"), "_event_loop_policy", None)
    if policy is None:
        return None
    local = getattr(policy, "_local", None)
    return policy, getattr(local, "_loop", None), getattr(local, "_set_called", False)


def _put_asyncio(was: tuple[Any, ...] | None) -> None:
    policy, loop, called = was or (None, None, False)
    sys.modules["asyncio"].set_event_loop_policy(policy)
    if (local := getattr(policy, "_local", None)) is not None:
        local._loop, local._set_called = loop, called  # noqa: SLF001 - there is no other way to unset it


#: How each is looked at, and how it is set again.
ALL: tuple[tuple[Callable[[], Any], Callable[[Any], None]], ...] = (
    (_decimal, _put_decimal),
    (_captured, _put_captured),
    (_logging, _put_logging),
    (_numpy, _put_numpy),
    (_multiprocessing, _put_multiprocessing),
    (_asyncio, _put_asyncio),
)
