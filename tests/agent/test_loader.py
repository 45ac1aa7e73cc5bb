"""Finding handlers by name."""

import os
from pathlib import Path
from typing import Any

import pytest

from htcgrid.connector import Grid
from htcgrid.errors import ConfigError
from htcgrid_agent.runtimes.python.loader import LOADING, HandlerError, Handlers


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(tmp_path)


def call(name: str, event: Any) -> Any:
    return Handlers().load(name)(event, "context")


def test_a_handler_may_take_the_event_alone_or_the_context_too(tmp_path: Path) -> None:
    (tmp_path / "shapes.py").write_text(
        "import functools\n"
        "from htcgrid import handler\n"
        "def one(event): return [event]\n"
        "def two(event, context): return [event, context]\n"
        "def defaulted(event, scale=2): return event * scale\n"
        "def many(*args): return list(args)\n"
        "class Thing:\n"
        "    def __call__(self, event): return ['thing', event]\n"
        "    def method(self, event, context): return [event, context]\n"
        "thing = handler(Thing())\n"
        "bound = handler(thing.method)\n"
        "partial = handler(functools.partial(two, 5))\n"
    )
    assert call("shapes:one", 1) == [1]
    assert call("shapes:two", 1) == [1, "context"]
    assert call("shapes:defaulted", 3) == 6
    assert call("shapes:many", 1) == [1, "context"]
    assert call("shapes:thing", 1) == ["thing", 1]
    assert call("shapes:bound", 1) == [1, "context"]
    assert call("shapes:partial", 1) == [5, 1]
    assert call("builtins:len", "abc") == 3


def test_a_handler_in_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "htcgrid_test_neighbour.py").write_text("FACTOR = 7\n")
    (folder / "job.py").write_text("from htcgrid_test_neighbour import FACTOR\ndef run(event): return event * FACTOR\n")
    assert call(f"{folder}/job.py:run", 6) == 42


def test_a_function_may_be_called_with_arguments(tmp_path: Path) -> None:
    (tmp_path / "called.py").write_text("def show(*args, **kwargs): return [args, kwargs]\n")
    handlers = Handlers()
    assert handlers.load("called:show", calls=True)([[1, 2], {"a": 3}], "context") == [(1, 2), {"a": 3}]
    assert handlers.load("called:show", calls=True)(b"data", "context") == [(b"data",), {}]
    assert handlers.load("called:show")(1, "context") == [(1, "context"), {}]
    # A function without arguments is no handler, and can be called all the same.
    assert handlers.load("os:getpid", calls=True)([[], {}], "context") == os.getpid()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:f", "importing 'no_such_module' failed: ModuleNotFoundError"),
        ("no_such_module:f", r"; searched: /.*, and what is installed for .*python.*; add the folder that holds it to"),
        ("no_such_module.part:f", r"; add the folder that holds it to 'path' in \[agent\] of the agent's grid.toml"),
        ("os:no_such_function", "'os' has no attribute 'no_such_function'"),
        ("os:path", "'path' is a module that 'os' imports: name that one"),
        ("/no/such/file.py:f", "does not exist on this machine"),
        ("colonless", "is not of the form"),
    ],
)
def test_what_cannot_be_loaded_is_said_with_its_name(name: str, message: str) -> None:
    with pytest.raises(HandlerError, match=message):
        Handlers().load(name)


@pytest.mark.parametrize("attribute", ["os.system", "__loader__.get_data", "price.__globals__.update", "__import__"])
def test_a_name_leads_to_nothing_that_its_module_only_has_from_elsewhere(tmp_path: Path, attribute: str) -> None:
    (tmp_path / "pricing.py").write_text("import os\ndef price(event): return event\n")
    with pytest.raises(
        HandlerError, match=r"is not one of the names that|is a module that|whose '__globals__' anybody"
    ):
        Handlers().load(f"pricing:{attribute}")


def test_a_module_that_fails_at_import_is_said_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "broken_at_import.py").write_text("raise SystemExit('no licence')\n")
    with pytest.raises(HandlerError, match="importing 'broken_at_import' failed: SystemExit: no licence"):
        Handlers().load("broken_at_import:f")
    assert LOADING not in os.environ


def test_a_module_that_a_handler_imports_and_nobody_has_is_said_with_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lacking.py").write_text("import no_such_library.part\ndef f(event): return event\n")
    monkeypatch.syspath_prepend(tmp_path / "other")
    said = (
        rf"No module named 'no_such_library'; searched: {tmp_path}/other, .*{tmp_path}.*, and what is installed for "
        r".*; 'lacking' imports it: install it where the agent runs, or add its folder to 'path' in \[agent\]$"
    )
    with pytest.raises(HandlerError, match=said):
        Handlers().load("lacking:f")


def test_a_handler_that_needs_more_arguments_than_there_are_is_refused(tmp_path: Path) -> None:
    (tmp_path / "greedy.py").write_text("def f(event, context, curve): return 1\ndef g(a, b, c=1): return [a, b, c]\n")
    with pytest.raises(HandlerError, match=r"needs 3 arguments; it must take \(event, context\) or \(event\)"):
        Handlers().load("greedy:f")
    assert call("greedy:g", 7) == [7, "context", 1]


def test_a_handler_without_arguments_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nothing_taken.py").write_text("def f(): return 1\n")
    with pytest.raises(HandlerError, match="takes no argument"):
        Handlers().load("nothing_taken:f")


@pytest.mark.parametrize(
    ("definition", "kind"),
    [
        ("async def f(event): yield event", "an async generator"),
        ("def f(event): yield event", "a generator"),
        ("class F:\n    def __call__(self, event): yield event\nf = htcgrid.handler(F())", "a generator"),
        (
            "import functools\ndef g(event, s): yield event\nf = htcgrid.handler(functools.partial(g, s=2))",
            "a generator",
        ),
    ],
)
def test_a_handler_that_returns_something_still_to_be_run_is_refused(
    tmp_path: Path, definition: str, kind: str
) -> None:
    module = f"late_{abs(hash(definition))}"
    (tmp_path / f"{module}.py").write_text(f"import htcgrid\n{definition}")
    for calls in (False, True):
        with pytest.raises(HandlerError, match=f"calling it gives {kind}, and runs nothing: let it return"):
            Handlers().load(f"{module}:f", calls=calls)


def test_a_setup_is_called_once_per_module_however_many_handlers_it_has(tmp_path: Path) -> None:
    (tmp_path / "prepared.py").write_text(
        "CALLS = []\n"
        "def setup(curves='eur', *, day=1): CALLS.append(curves)\n"
        "def one(event): return CALLS\n"
        "def two(event): return CALLS\n"
    )
    handlers = Handlers()
    assert [handlers.load(f"prepared:{name}")(0, None) for name in ("one", "two", "one")] == [["eur"]] * 3


@pytest.mark.parametrize(
    "definition",
    [
        "def setup(app): raise AssertionError",
        "def setup(*, app): raise AssertionError",
        "setup = 7",
        "from os import abort as setup",
        "from htcgrid_agent.runtimes.python.__main__ import main as setup",
        "class setup:\n    def __init__(self): raise AssertionError",
    ],
)
def test_what_is_called_setup_and_is_another_thing_is_left_alone(tmp_path: Path, definition: str) -> None:
    module = f"other_{abs(hash(definition))}"
    (tmp_path / f"{module}.py").write_text(f"{definition}\ndef f(event): return event\n")
    assert Handlers().load(f"{module}:f")(3, None) == 3


def test_what_a_module_imports_is_not_what_it_offers(tmp_path: Path) -> None:
    (tmp_path / "borrowing.py").write_text(
        "from operator import add, neg\n"
        "from pathlib import Path\n"
        "from subprocess import getoutput\n"
        "from time import sleep\n"
        "__all__ = ['neg']\n"
        "HERE = Path('/srv')\n"
    )
    for name in ("add", "Path", "Path.unlink", "getoutput", "sleep"):
        with pytest.raises(HandlerError, match=r"'\w+' is imported from '\w+', and not .* 'borrowing' defines"):
            call(f"borrowing:{name}", 1)
    assert call("borrowing:neg", 1) == -1
    with pytest.raises(HandlerError, match="'HERE' is a PosixPath, and cannot be called"):
        call("borrowing:HERE.with_name", "x")
    assert call("operator:neg", 1) == -1


def test_a_grid_is_not_opened_while_a_handler_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOADING, "script.py:f")
    with pytest.raises(ConfigError, match="under 'if __name__ == \"__main__\":'"):
        Grid.open()
