"""Settings that libraries keep for a whole process; no library is loaded to look at them.

Each value is None while it is what the library begins with, so that it does not matter when it was loaded.
"""

import copyreg
import decimal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from htcgrid_agent.runtimes.python import logging_settings

_NUMPY = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_ATTRIBUTES = (("tempfile", "tempdir"), ("urllib.request", "_opener"), ("locale", "_override_localeconv"))
#: The longest field of csv.
_FIELD = 128 << 10


def _decimal() -> list[tuple[Any, ...]]:
    """Return precision, rounding, bounds of exponents, capitals, clamp, flags and traps of the shared contexts.

    They are this thread's, and those that contexts of other threads and new ones are made of.
    """
    return [context.__reduce__()[1] for context in _contexts()]


def _put_decimal(was: list[tuple[Any, ...]]) -> None:
    # In place: modules may hold the context.
    for context, values in zip(_contexts(), was, strict=True):
        context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp = values[:6]
        for kept, held in ((values[6], context.flags), (values[7], context.traps)):
            for signal in list(held):
                held[signal] = signal in kept


def _contexts() -> tuple[decimal.Context, ...]:
    return decimal.getcontext(), decimal.DefaultContext, decimal.BasicContext, decimal.ExtendedContext


def _attributes() -> list[Any]:
    """Return what is set by attributes of modules."""
    return [getattr(sys.modules.get(module), name, None) for module, name in _ATTRIBUTES]


def _put_attributes(was: list[Any]) -> None:
    for (module, name), value in zip(_ATTRIBUTES, was, strict=True):
        if module in sys.modules:
            setattr(sys.modules[module], name, value)


def _csv() -> int | None:
    limit = getattr(sys.modules.get("_csv"), "field_size_limit", None)
    return None if limit is None or limit() == _FIELD else limit()


def _put_csv(was: int | None) -> None:
    sys.modules["_csv"].field_size_limit(_FIELD if was is None else was)


def _put_copyreg(was: dict[Any, Any]) -> None:
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(was)


def _pandas() -> dict[str, Any] | None:
    """Return pandas' options."""
    options = getattr(sys.modules.get("pandas._config.config"), "_global_config", None)
    return None if options is None else dict(_flat(options, ""))


def _flat(options: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if type(value) is dict:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _put_pandas(was: dict[str, Any] | None) -> None:
    now = _pandas() or {}
    for name, value in (was or {}).items():
        if now.get(name) != value:
            sys.modules["pandas"].set_option(name, value)


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


def _process_name() -> str | None:
    process = getattr(sys.modules.get("multiprocessing.process"), "_current_process", None)
    return None if process is None or process.name == "MainProcess" else process.name


def _put_process_name(was: str | None) -> None:
    sys.modules["multiprocessing"].current_process().name = was or "MainProcess"


def _zones() -> Any:
    """Return where zoneinfo looks for time zones."""
    return getattr(sys.modules.get("zoneinfo"), "TZPATH", None)


def _put_zones(was: Any) -> None:
    sys.modules["zoneinfo"].reset_tzpath(was)


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
    *logging_settings.ALL,
    (_attributes, _put_attributes),
    (_csv, _put_csv),
    (lambda: copyreg.dispatch_table, _put_copyreg),
    (_pandas, _put_pandas),
    (_numpy, _put_numpy),
    (_multiprocessing, _put_multiprocessing),
    (_process_name, _put_process_name),
    (_zones, _put_zones),
    (_asyncio, _put_asyncio),
)
