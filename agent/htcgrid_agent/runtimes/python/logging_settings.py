"""What :mod:`logging` keeps for a whole process, once it is loaded: it is not loaded for this."""

import sys
from collections.abc import Callable
from typing import Any

#: A new logger's level, whether it hands on and is silent, its handlers and filters.
_LOGGER: tuple[Any, ...] = (0, True, False, [], [])
#: The logger that handlers are given, which is set up anew for each session.
TASK_LOGGER = "htcgrid.task"
_LEVELS = {50: "CRITICAL", 40: "ERROR", 30: "WARNING", 20: "INFO", 10: "DEBUG", 0: "NOTSET"}
_LOGGING: tuple[Any, ...] = (30, False, [], [], 0, True, None, None)


def _captured() -> bool:
    """Return whether :mod:`logging` has taken the place of what shows warnings."""
    return getattr(sys.modules.get("logging"), "_warnings_showwarning", None) is not None


def _put_captured(was: bool) -> None:
    sys.modules["logging"].captureWarnings(was)


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


def _loggers() -> dict[str, tuple[Any, ...]] | None:
    """Return how loggers beside the root are set up, those that are not as new ones are."""
    root = getattr(sys.modules.get("logging"), "root", None)
    if root is None:
        return None
    values = {
        name: (logger.level, logger.propagate, logger.disabled, logger.handlers[:], logger.filters[:])
        for name, logger in root.manager.loggerDict.items()
        if name != TASK_LOGGER and hasattr(logger, "handlers")
    }
    return {name: held for name, held in values.items() if held != _LOGGER} or None


def _put_loggers(was: dict[str, tuple[Any, ...]] | None) -> None:
    manager = sys.modules["logging"].root.manager
    for name, logger in manager.loggerDict.items():
        if name != TASK_LOGGER and hasattr(logger, "handlers"):
            level, logger.propagate, logger.disabled, logger.handlers[:], logger.filters[:] = (was or {}).get(
                name, _LOGGER
            )
            logger.setLevel(level)


def _level_names() -> dict[int, str] | None:
    names: dict[int, str] | None = getattr(sys.modules.get("logging"), "_levelToName", None)
    return None if names == _LEVELS else names


def _put_level_names(was: dict[int, str] | None) -> None:
    module: Any = sys.modules["logging"]
    levels, names = module._levelToName, module._nameToLevel  # noqa: SLF001 - only adding is public
    for level in levels.keys() - (was or _LEVELS).keys():
        names.pop(levels.pop(level), None)
    for level, name in (was or _LEVELS).items():
        module.addLevelName(level, name)


#: How each is looked at, and how it is set again.
ALL: tuple[tuple[Callable[[], Any], Callable[[Any], None]], ...] = (
    (_captured, _put_captured),
    (_logging, _put_logging),
    (_loggers, _put_loggers),
    (_level_names, _put_level_names),
)
