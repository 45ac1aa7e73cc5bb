"""The names under which agents find handlers."""

import functools
import json
import math
import operator
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from htcgrid.connector.call import CallForm
from htcgrid.connector.handler_name import NamelessError, handler_name
from htcgrid.connector.target import Targets
from htcgrid.errors import ConfigError
from htcgrid.model import SessionId
from htcgrid.model.codec import codec_of


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


def local(event: Any) -> Any:
    return event


class Desk:
    def price(self, event: Any) -> Any:
        return event

    @classmethod
    def made(cls, event: Any) -> Any:
        return [cls.__name__, event]

    @staticmethod
    def plain(event: Any) -> Any:
        return event


class Other(Desk):
    pass


decorated = functools.lru_cache(local)
HERE = __name__


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        (local, f"{HERE}:local"),
        (Desk, f"{HERE}:Desk"),
        (Desk.made, f"{HERE}:Desk.made"),
        (Desk.plain, f"{HERE}:Desk.plain"),
        (Other.plain, f"{HERE}:Desk.plain"),
        (json.dumps, "json:dumps"),
        (int, "builtins:int"),
        (math.sqrt, "math:sqrt"),
    ],
)
def test_a_handler_has_the_name_that_leads_to_it(handler: Any, name: str) -> None:
    assert handler_name(handler) == name


@pytest.mark.parametrize(
    "handler",
    [
        lambda event: event,
        local.__get__(1),
        # The name leads to something else than these.
        decorated,
        Other.made,
        Desk().price,
        [].append,
        "".join,
        str.upper,
        random.random,
        functools.partial(print),
        operator.itemgetter(1),
        type("Typed", (), {"__call__": print})(),
    ],
)
def test_a_handler_to_which_no_name_leads_has_none(handler: Any) -> None:
    with pytest.raises(NamelessError, match="define"):
        handler_name(handler)


@pytest.mark.parametrize("thing", [5, None, math, [len]])
def test_what_cannot_be_called_is_refused(thing: Any) -> None:
    with pytest.raises(
        ConfigError, match=r"a handler must be a function or its name, not (None|a value of type \w+): "
    ):
        handler_name(thing)


def test_a_function_typed_into_a_prompt_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    exec("def job(event): return event", main.__dict__)
    monkeypatch.setitem(sys.modules, "__main__", main)
    with pytest.raises(ConfigError, match="has no file that agents could import: define it in a module"):
        handler_name(main.job)


@pytest.mark.parametrize(("codec", "embedded"), [("typed", True), ("pickle", False), ("pickle", True), ("json", True)])
def test_what_has_no_name_goes_along_where_both_sides_want_it(codec: str, embedded: bool) -> None:
    targets = Targets(opened_with=() if embedded else None)
    target = targets.of_events(lambda event: event, codec)
    assert "<lambda> at test_handler_name.py:" in target.name
    (key,) = target.blobs(SessionId("s"))
    assert target.client.function is not None
    assert key == f"s/shared/{target.client.function[0]}"


def test_what_has_no_name_is_refused_where_agents_are_not_the_client_s() -> None:
    makers: list[Any] = [lambda f: Targets().of_events(f, "typed"), lambda f: Targets().of_map(f, 1)]
    for make in makers:
        with pytest.raises(
            ConfigError, match=r"use codec='pickle', .* agents that have 'pickle = true' in their \[agent"
        ):
            make(lambda event: event)


def test_a_function_that_is_written_in_c_is_found_in_its_module() -> None:
    assert handler_name(math.sqrt) == "math:sqrt"
    assert handler_name(abs) == "builtins:abs"


def test_functions_that_are_called_by_turns_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting:
        """A finder that finds nothing."""

        asked = 0

        def find_spec(self, _name: str, _path: object, _target: object = None) -> None:
            self.asked += 1

    finder = Counting()
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    form = CallForm(codec_of("typed"), 1 << 20, carries=True)
    names = [form.handler(function) for function in (math.sqrt, json.dumps)]
    asked = finder.asked
    for _ in range(9):
        assert [form.handler(function) for function in (math.sqrt, json.dumps)] == names
    assert finder.asked == asked > 0
