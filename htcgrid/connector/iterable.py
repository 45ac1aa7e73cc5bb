"""Checks of iterables of tasks: what would not give the tasks that people mean is refused, with what to pass."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from htcgrid.errors import ConfigError

#: How the rows of a table are had, by the library that it is of; iterating over it would give the names of columns.
_ROWS = {
    "pandas": 'frame.to_dict("records"), or frame.itertuples(index=False, name=None)',
    "polars": "frame.to_dicts(), or frame.iter_rows()",
    "pyarrow": "table.to_pylist()",
}
#: What most tasks come in, and need no look.
_USUAL = frozenset({list, tuple, range})
_CALLED = (
    (inspect.isgeneratorfunction, "a generator function, which has not been called: pass {name}() and not {name}"),
    (inspect.isasyncgenfunction, "an async generator function: pass [task async for task in {name}()]"),
    (inspect.iscoroutinefunction, "a coroutine function: pass what 'await {name}()' returns"),
)


def check_tasks(tasks: Any) -> None:
    """Refuse what is no iterable of payloads, or would not give what its user means.

    Raises:
        ConfigError: it is so; the message says what to pass.
    """
    if type(tasks) in _USUAL:
        return
    _check_items(tasks, "tasks")
    if isinstance(tasks, str | bytes | bytearray | memoryview | Mapping):
        raise ConfigError(f"tasks must be an iterable of payloads, not a single {type(tasks).__name__}: pass a list")


def check_arguments(iterables: Sequence[Any]) -> None:
    """Refuse iterables of arguments that would not give what their user means.

    Raises:
        ConfigError: it is so; the message says which, and what to pass.
    """
    for number, items in enumerate(iterables, start=1):
        _check_items(items, f"argument {number} after the function")


def _check_items(items: Any, what: str) -> None:
    """Refuse what cannot be gone through, and tables, whose columns' names nobody means.

    Raises:
        ConfigError: it is so; the message says what to pass.
    """
    name = getattr(items, "__name__", "it")
    for is_so, advice in _CALLED:
        if is_so(items):
            raise ConfigError(f"{what} must be an iterable, not {advice.format(name=name)}")
    if inspect.iscoroutine(items):
        # Nobody will await it, and Python would say so, too.
        items.close()
        raise ConfigError(f"{what} must be an iterable, not a coroutine: pass what 'await {name}()' returns")
    if hasattr(items, "__aiter__"):
        raise ConfigError(
            f"{what} must be an iterable, not one that is asynchronous: pass [item async for item in {name}]"
        )
    if _is_table(items):
        library = type(items).__module__.partition(".")[0]
        rows = _ROWS.get(library, "a list of its rows")
        raise ConfigError(
            f"{what} must be an iterable with one item per task, and a {type(items).__name__} would give the names of "
            f"its columns: pass {rows}; as a single payload, pass it in a list"
        )
    if not isinstance(items, Iterable) or getattr(items, "ndim", 1) == 0:
        raise ConfigError(f"{what} must be an iterable of payloads, not a single {type(items).__name__}: pass a list")


def _is_table(items: Any) -> bool:
    kind = type(items)
    ways: tuple[str, ...] = ("to_dict", "to_dicts", "to_pylist", "to_pandas")
    return hasattr(kind, "__dataframe__") or (hasattr(kind, "columns") and any(hasattr(kind, way) for way in ways))
