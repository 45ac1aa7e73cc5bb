"""The outcomes of a session as a pandas frame."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from htcgrid.connector.outcome import Outcome
from htcgrid.errors import ConfigError

if TYPE_CHECKING:
    from pandas import DataFrame

#: What pandas calls a column of values of one type, without gaps and with them.
_KINDS = {float: ("float64", "float64"), int: ("int64", "Int64"), bool: ("bool", "boolean")}
_SMALLEST, _LARGEST = -(1 << 63), 1 << 63


def frame_of(outcomes: Iterable[Outcome]) -> "DataFrame":
    """Return one row per task, in the order of the tasks, whose positions are the index.

    Raises:
        ConfigError: pandas is not installed here.
    """
    pandas = _pandas()
    rows = sorted(outcomes, key=lambda outcome: outcome.index)
    ran = [outcome for outcome in rows if outcome.tries]
    began = {outcome.index: outcome.started for outcome in ran if outcome.began}
    index = pandas.Index([outcome.index for outcome in rows], name="task", dtype="int64")
    times = {"dtype": "datetime64[us, UTC]", "index": index}
    columns = {
        "state": [str(outcome.state) for outcome in rows],
        "value": _values(pandas, rows, index),
        "error": [outcome.error.type if outcome.error else None for outcome in rows],
        "message": [outcome.error.message if outcome.error else None for outcome in rows],
        "tries": [outcome.tries for outcome in rows],
        "started": pandas.Series([began.get(outcome.index) for outcome in rows], **times),
        "seconds": [outcome.microseconds / 1e6 for outcome in rows],
        "worker": [outcome.worker for outcome in rows],
    }
    found: DataFrame = pandas.DataFrame(columns, index=index)
    return found


def _pandas() -> Any:
    try:
        import pandas  # noqa: ICN001, PLC0415 - slow to import, and not everybody has it
    except ImportError as error:
        raise ConfigError(
            f"to_pandas needs pandas, which cannot be imported here ({error}): install it, or use results()"
        ) from error
    return pandas


def _values(pandas: Any, rows: list[Outcome], index: Any) -> Any:
    """Return the values as a column that keeps each as it is: of numbers if all are, with gaps for those without."""
    there = [outcome.value for outcome in rows if outcome.succeeded]
    kinds = set(map(type, there))
    whole, gaps = _KINDS.get(next(iter(kinds)), ("object", "object")) if len(kinds) == 1 else ("object", "object")
    if kinds == {int} and not all(_SMALLEST <= value < _LARGEST for value in there):
        whole = gaps = "object"
    kind = whole if len(there) == len(rows) else gaps
    if kind != "object":
        return pandas.Series([outcome.value for outcome in rows], index=index, dtype=kind)
    column = pandas.Series([None] * len(rows), index=index, dtype="object")
    for position, outcome in enumerate(rows):
        # One by one: a list of arrays would become an array of more dimensions.
        column.array[position] = outcome.value
    return column
