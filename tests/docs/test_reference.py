"""The reference of commands, errors and limits says what the code says."""

import re
from collections.abc import Callable
from datetime import timedelta
from inspect import getmembers, isclass
from typing import Any

import pytest

from htcgrid import errors
from htcgrid.config import AgentSettings
from htcgrid.connector import search_path
from htcgrid.errors import ConfigError, HtcGridError
from htcgrid.findings import session as findings
from htcgrid.findings import sight
from htcgrid.local.settings import LocalSettings
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import QueueLimits, RetryPolicy, call, check_name, defaults, session
from htcgrid.model.codec import place
from htcgrid_agent.core.policy import AgentPolicy
from htcgrid_agent.core.reporter import Reporter
from htcgrid_agent.runtimes.python import faults, recorder
from htcgrid_agent.shell.output import Output
from tests.docs.command_line import PAGE, page
from tests.docs.test_docs import ROOT, fields, rows, value

_ERRORS = {name: kind for name, kind in getmembers(errors, isclass) if issubclass(kind, HtcGridError)}
#: What the grid says of a task without an exception of that name.
_REASON = re.compile(r'Failure\(\s*type="(\w+)"')
#: Exceptions that are reported under their own name, though no handler raised them.
_REPORTED = {"HandlerError", "ConfigError", "EncodingError", "PayloadLostError"}

_CONSTANTS: dict[str, Any] = {
    "session._HANDLER": session._HANDLER,
    "session._LABELS": session._LABELS,
    "session._WORD": session._WORD,
    "session._ERRORS": session._ERRORS,
    "search_path._ADDED": search_path._ADDED,
    "session._KEEP_LIMIT": session._KEEP_LIMIT,
    "defaults.PRIORITY_LIMIT": defaults.PRIORITY_LIMIT,
    "defaults.LAPSES_ALONE": defaults.LAPSES_ALONE,
    "defaults.PAYLOAD_BYTES": defaults.PAYLOAD_BYTES,
    "defaults.BUNDLE_TASKS": defaults.BUNDLE_TASKS,
    "defaults.BUNDLE_BYTES": defaults.BUNDLE_BYTES,
    "defaults.SHARED_HELD": defaults.SHARED_HELD,
    "place.DEEPEST": place.DEEPEST,
    "call.FRESH_BYTES": call.FRESH_BYTES,
    "call.INLINE_BYTES": call.INLINE_BYTES,
    "AgentPolicy.outcome_bytes": fields(AgentPolicy)["AgentPolicy.outcome_bytes"],
    "AgentPolicy.bundles": fields(AgentPolicy)["AgentPolicy.bundles"],
    "AgentPolicy.standstill": fields(AgentPolicy)["AgentPolicy.standstill"],
    "defaults.REMEMBER": defaults.REMEMBER,
    "QueueLimits.hint": QueueLimits().hint,
    "SqliteStateStore.inline": SqliteStateStore.limits.inline,
    "recorder.LIMIT": recorder.LIMIT,
    "recorder._LESS": recorder._LESS,
    "faults._MESSAGE": faults._MESSAGE,
    "faults._TRACEBACK": faults._TRACEBACK,
    "faults._BUILTIN": faults._BUILTIN,
    "Output._RATE": Output._RATE,
    "Reporter._HOLDS": Reporter._HOLDS,
    "Reporter._FAULTS": Reporter._FAULTS,
    "Reporter._MESSAGE": Reporter._MESSAGE,
    "sight._PAGES": sight._PAGES,
    "findings._GROUPS": findings._GROUPS,
    "sight._FAILURES": sight._FAILURES,
}
#: What is refused when there is more of it.
_REFUSED: dict[str, Callable[[int], object]] = {
    "check_name": lambda most: check_name("session id", "s" * most),
    "RetryPolicy.tries": lambda most: RetryPolicy(tries=most),
    "AgentSettings.workers": lambda most: AgentSettings(workers=most),
    "AgentSettings.lease": lambda most: AgentSettings(lease=most),
    "LocalSettings.patience": lambda most: LocalSettings(path="grid", patience=most),
}


def limits() -> dict[str, Any]:
    """Return what the table of limits says, by name in the code."""
    table = [row for row in rows("reference/limits.md", "# Limits") if row[0] != "what"]
    found = {}
    for _, shown, _, names in table:
        found.update(dict.fromkeys(re.findall(r"`([\w.]+)`", names), value(shown)))
    return found


def first_cells(heading: str) -> list[str]:
    return [row[0].strip("`") for row in rows("reference/errors.md", heading) if row[0] not in {"error", "type"}]


def test_the_reference_of_the_command_line_is_that_of_the_commands() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make reference"


def test_the_table_of_errors_has_every_error() -> None:
    assert sorted(first_cells("## Exceptions")) == sorted(_ERRORS)


def test_the_table_of_errors_says_which_is_a_kind_of_which() -> None:
    told = {row[0].strip("`"): row[1].strip("`") for row in rows("reference/errors.md", "## Exceptions")}
    assert all(told[name] == kind.__bases__[0].__name__ for name, kind in _ERRORS.items())


def test_the_tree_in_the_module_has_every_error_too() -> None:
    assert errors.__doc__ is not None
    assert sorted(re.findall(r"(\w+Error)  ", errors.__doc__)) == sorted(set(_ERRORS) - {"HtcGridError"})


def test_the_table_of_reasons_has_every_reason() -> None:
    sources = [file for folder in ("agent", "htcgrid/connector") for file in (ROOT / folder).rglob("*.py")]
    known = {reason for file in sources for reason in _REASON.findall(file.read_text(encoding="utf-8"))}
    own, *reasons = first_cells("## Failures of tasks")
    assert own.startswith("the handler's own")
    assert sorted(reasons) == sorted(known | _REPORTED)


def test_the_table_of_limits_has_every_limit() -> None:
    assert sorted(limits()) == sorted([*_CONSTANTS, *_REFUSED])


@pytest.mark.parametrize("name", sorted(_CONSTANTS))
def test_the_table_of_limits_says_what_the_code_says(name: str) -> None:
    assert isinstance(limits()[name], timedelta) == isinstance(_CONSTANTS[name], timedelta)
    assert limits()[name] == _CONSTANTS[name]


@pytest.mark.parametrize("name", sorted(_REFUSED))
def test_what_is_at_a_limit_is_taken_and_what_is_beyond_it_is_refused(name: str) -> None:
    most = int(limits()[name])
    _REFUSED[name](most)
    with pytest.raises((ConfigError, ValueError)):
        _REFUSED[name](most + 1)
