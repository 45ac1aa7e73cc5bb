"""The names under which agents find handlers."""

import functools
import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from htcgrid.connector.handler_name import handler_name
from htcgrid.connector.options import session_of
from htcgrid.errors import ConfigError
from htcgrid.host import RealHost


def test_a_function_of_a_module_is_named_by_both() -> None:
    assert handler_name(json.dumps) == "json:dumps"


def test_a_name_is_taken_as_it_is() -> None:
    assert handler_name("package.module:function") == "package.module:function"


def test_a_file_is_named_by_its_whole_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert handler_name("jobs.py:run") == f"{tmp_path}/jobs.py:run"
    assert handler_name("../jobs.py:run") == f"{tmp_path.parent}/jobs.py:run"


def test_a_function_of_the_script_that_runs_is_named_by_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text("def job(event): return event\n")
    main = ModuleType("__main__")
    main.__file__ = str(script)
    main.__spec__ = None
    exec(script.read_text(), main.__dict__)
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert handler_name(main.job) == f"{script}:job"


@pytest.mark.parametrize("name", ["", "module", ":function", "module:", "module:1x", "module:a b"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is not of the form 'module:function'"):
        handler_name(name)


def test_a_function_without_a_name_is_refused() -> None:
    def local(event: Any) -> Any:
        return event

    for function in (local, lambda event: event):
        with pytest.raises(ConfigError, match="has no name by which an agent could find it"):
            handler_name(function)


@pytest.mark.parametrize("thing", [functools.partial(print), "".join, 5, None])
def test_what_is_no_function_is_refused(thing: Any) -> None:
    with pytest.raises(ConfigError, match=r"a handler must be a function or its name, not \w+: define one with def at"):
        handler_name(thing)


def test_a_function_typed_into_a_prompt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    exec("def job(event): return event", main.__dict__)
    monkeypatch.setitem(sys.modules, "__main__", main)
    with pytest.raises(ConfigError, match="has no file that agents could import: define it in a module"):
        handler_name(main.job)


def test_who_submits_what_has_no_name_is_told_how_it_can_be_called() -> None:
    told = "at the top of a module; or call it through grid.map with codec 'pickle'"
    with pytest.raises(ConfigError, match=told):
        session_of(lambda event: event, None, {}, host=RealHost())


def test_a_function_that_is_written_in_c_is_found_in_its_module() -> None:
    assert handler_name(math.sqrt) == "math:sqrt"
    assert handler_name(abs) == "builtins:abs"
