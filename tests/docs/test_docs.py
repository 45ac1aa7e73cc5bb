"""The documentation says what is true."""

import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from htcgrid.config import AgentSettings, parse_config
from htcgrid.local.schema import LATE
from htcgrid.local.settings import LocalSettings
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import QueueLimits, RetryPolicy, Session, StateLimits, defaults
from htcgrid.reaper import ReaperPolicy
from tests.docs.page import Reader, blocks

ROOT = Path(__file__).parent.parent.parent
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "ROADMAP.md", *DOCS]
#: Walked by test_write_a_provider.py, in an environment of its own.
APART = ROOT / "docs" / "how-to" / "write-a-provider.md"
WALKED = [page for page in PAGES if "<!-- file: " in page.read_text(encoding="utf-8") and page != APART]

_WORDS: dict[str, Any] = {
    "no limit": None,
    "one per usable core": None,
    "the state store's": None,
    "the agent's": None,
    "required": msgspec.NODEFAULT,
    "none": [],
    "all": [],
    "yes": True,
    "no": False,
}
_UNITS: dict[str, Any] = {
    "": 1,
    "s": timedelta(seconds=1),
    "day": timedelta(days=1),
    "days": timedelta(days=1),
    "KiB": 1 << 10,
    "MiB": 1 << 20,
}


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def rows(page: str, heading: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the tables below a heading, up to the next section."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8").partition(f"{heading}\n")[2].partition("\n## ")[0]
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| **"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def fields(settings: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the defaults of a record's fields, by ``Record.field``."""
    return {
        f"{settings.__name__}.{field.name}": field.default
        if field.default_factory is msgspec.NODEFAULT
        else field.default_factory()
        for field in msgspec.structs.fields(settings)
    }


def value(shown: str) -> Any:
    """Return what a cell of the table of defaults says."""
    if shown in _WORDS:
        return _WORDS[shown]
    if shown.startswith("`"):
        return shown.strip("`")
    number, _, unit = shown.replace(",", "").partition(" ")
    return float(number) * _UNITS[unit]


def settable() -> dict[str, Any]:
    """Return every default that the table must have."""
    constants = {f"defaults.{name}": found for name, found in vars(defaults).items() if name.isupper()}
    return constants | fields(AgentSettings) | fields(LocalSettings) | fields(RetryPolicy)


def known() -> dict[str, Any]:
    """Return every default that the table may have."""
    stores = {"SqliteStateStore.inline": SqliteStateStore.limits.inline, "schema.LATE": LATE}
    return settable() | fields(Session) | fields(StateLimits) | fields(QueueLimits) | fields(ReaperPolicy) | stores


def stated() -> dict[str, Any]:
    """Return what the table says, by name in the code."""
    found = {}
    for _, shown, _, names in (row for row in rows("reference/defaults.md", "# Defaults") if row[0] != "what"):
        found.update(dict.fromkeys(re.findall(r"`([\w.]+)`", names), value(shown)))
    return found


def test_the_table_of_defaults_has_every_default() -> None:
    assert not set(settable()) - set(stated())


@pytest.mark.parametrize("name", sorted(stated()))
def test_the_table_of_defaults_says_what_the_code_says(name: str) -> None:
    shown, true = stated()[name], known()[name]
    if isinstance(shown, timedelta) and not isinstance(true, timedelta):
        true = timedelta(seconds=true)
    if isinstance(true, tuple | dict) and not true:
        true = []
    assert (type(shown) is bool) == (type(true) is bool)
    assert shown == true


@pytest.mark.parametrize(
    ("heading", "settings"), [("## `[agent]`", AgentSettings), ("## Provider `local`", LocalSettings)]
)
def test_the_tables_of_keys_have_just_the_keys_that_there_are(heading: str, settings: type[msgspec.Struct]) -> None:
    keys = [row[0].strip("`") for row in rows("reference/configuration.md", heading) if row[0] != "key"]
    assert sorted(keys) == sorted(field.name for field in msgspec.structs.fields(settings))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing = [link for link in links if not (page.parent / link.partition("#")[0]).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_grid_toml_is_right(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "toml" and block.argument != "pyproject.toml":
            parse_config(tomllib.loads(block.text))


@pytest.mark.parametrize("page", WALKED, ids=named)
def test_every_program_and_command_of_a_page_that_is_walked_is_tried(page: Path) -> None:
    found = list(blocks(page.read_text(encoding="utf-8")))
    assert all(block.verb in {"file", "theirs"} for block in found if block.language == "python")
    untried = [block.text for block in found if block.language == "console" and block.verb is None]
    assert not untried
    # A script is run by its name, an example by its folder's, and a module by its import or the name of its handler.
    told = "".join(block.text for block in found)
    files = [Path(block.argument) for block in found if block.language == "python" and block.verb == "file"]
    ways = ("python {file.name}", "htcgrid run {file.parts[0]}", '"{file.stem}:', "from {file.stem} import")
    assert not [file for file in files if not any(way.format(file=file) in told for way in ways)]


@pytest.mark.parametrize("page", WALKED, ids=named)
def test_what_a_page_shows_of_other_libraries_is_python(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.verb == "theirs" and block.language == "python":
            compile(block.text, named(page), "exec")


@pytest.mark.parametrize("page", WALKED, ids=named)
def test_a_page_can_be_followed_and_shows_what_happens(page: Path, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    with Reader(tmp_path) as reader:
        for block in blocks(page.read_text(encoding="utf-8")):
            reader.do(block)


def test_the_tests_that_guarantees_are_proved_by_are_there() -> None:
    page = (ROOT / "docs" / "explanation" / "guarantees.md").read_text(encoding="utf-8")
    named_tests = re.findall(r"`([\w/]+\.py)::(\w+)`", page)
    missing = [f"{file}::{test}" for file, test in named_tests if f"def {test}(" not in (ROOT / file).read_text()]
    assert len(named_tests) > 10
    assert missing == []
