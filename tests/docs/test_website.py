"""The site is built only when its reference is whole, and its blocks say which file they are."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import griffe
import pytest

import htcgrid
from docs.website import docstrings, hooks
from htcgrid import errors
from tests.docs.test_docs import ROOT, named

REFERENCE = sorted((ROOT / "docs" / "reference" / "python").glob("*.md"))
#: What stands on the pages of the reference, by the lines that put it there.
ASKED = {
    name for page in REFERENCE for name in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
}
PUBLIC = [f"htcgrid.{name}" for name in htcgrid.__all__] + [
    f"htcgrid.errors.{name}"
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.HtcGridError)
]

ROLES = [
    (":meth:`submit`", "htcgrid.Grid.map", "[`submit`][htcgrid.connector.grid.Grid.submit]"),
    (":attr:`accepted`", "htcgrid.OpenSession.add", "[`accepted`][htcgrid.connector.session.SessionHandle.accepted]"),
    (":meth:`Grid.session`", "htcgrid.SessionHandle.id", "[`Grid.session`][htcgrid.connector.grid.Grid.session]"),
    (":class:`TaskError`", "htcgrid.SessionHandle.results", "[`TaskError`][htcgrid.errors.TaskError]"),
    (":class:`RetryPolicy`", "htcgrid.errors", "[`RetryPolicy`][htcgrid.model.session.RetryPolicy]"),
    (":class:`StateStore`", "htcgrid.model.session", "[`StateStore`][htcgrid.interfaces.StateStore]"),
    (":py:meth:`StateStore.claim`", "htcgrid.Grid", "[`StateStore.claim`][htcgrid.interfaces.StateStore.claim]"),
    (":mod:`htcgrid.testing.memory`", "htcgrid.Grid", "[`htcgrid.testing.memory`][htcgrid.testing.memory]"),
    (":class:`~htcgrid.Grid`", "htcgrid.Watch", "[`htcgrid.Grid`][htcgrid.Grid]"),
    (":mod:`concurrent.futures`", "htcgrid.Grid.executor", "`concurrent.futures`"),
    (":func:`time.monotonic`", "htcgrid.Watch.wait", "`time.monotonic`"),
    (":mod:`numpy.random`", "htcgrid.Grid", "`numpy.random`"),
    (":meth:`submitt`", "htcgrid.Grid.map", "[`submitt`][submitt]"),
    (":class:`Gird`", "htcgrid.Watch", "[`Gird`][Gird]"),
    ("``submit`` and `x`", "htcgrid.Grid.map", "``submit`` and `x`"),
]

#: What a docstring is taken from.
TAKEN = {
    "a class": "htcgrid.Grid",
    "a method": "htcgrid.Grid.submit",
    "a property": "htcgrid.SessionHandle.id",
    "an exception": "htcgrid.errors.ConfigError",
    "a field of what users import": "htcgrid.Outcome.state",
    "a member of an enumeration": "htcgrid.TaskState.FAILED",
    "a verb of an interface": "htcgrid.interfaces.StateStore.claim",
}

BLOCKS = [
    ("<!-- file: first.py -->\n```python\n", '<!-- file: first.py -->\n```python title="first.py"\n'),
    (
        "<!-- file: words/client.py -->\n```python\n",
        '<!-- file: words/client.py -->\n```python title="words/client.py"\n',
    ),
    ("<!-- file: grid.toml -->\n```toml\n", '<!-- file: grid.toml -->\n```toml title="grid.toml"\n'),
    ("<!-- theirs: Dask -->\n```python\n", '<!-- theirs: Dask -->\n```python title="Dask"\n'),
    ("<!-- run -->\n```console\n", "<!-- run -->\n```console\n"),
    ("<!-- start: agent -->\n```console\n", "<!-- start: agent -->\n```console\n"),
    ("<!-- not run -->\n```console\n", "<!-- not run -->\n```console\n"),
    ("```python\n", "```python\n"),
]


# By one process: the package takes seconds to be read.
pytestmark = pytest.mark.xdist_group("website")


@pytest.fixture(scope="module")
def package() -> hooks.Found:
    return hooks.loaded("htcgrid", ROOT)


@pytest.mark.parametrize(("written", "where", "shown"), ROLES, ids=[role for role, _, _ in ROLES])
def test_a_role_is_shown_as_a_link_or_as_code(written: str, where: str, shown: str, package: hooks.Found) -> None:
    found: Any = package if where == "htcgrid" else package[where.partition(".")[2]]
    of = found.final_target if found.is_alias else found
    assert docstrings.linked(written, of, package) == shown  # type: ignore[arg-type]


def test_no_docstring_of_the_reference_shows_a_role_as_it_is_written(package: hooks.Found) -> None:
    texts = {path: package[path.partition(".")[2]].docstring for path in ASKED if path.startswith("htcgrid.")}
    assert not [path for path, text in texts.items() if text and re.search(r":[a-z]+:`", text.value)]


def test_every_public_name_is_on_a_page(package: hooks.Found) -> None:
    assert list(hooks.lacking(package, ASKED)) == []


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_that_no_page_has_is_told(name: str, package: hooks.Found) -> None:
    told = list(hooks.lacking(package, ASKED - {name, package[name.partition(".")[2]].canonical_path}))
    assert f"{name} is public, and on no page of docs/reference/python: add '::: {name}' to one" in told


@pytest.mark.parametrize("path", TAKEN.values(), ids=list(TAKEN))
def test_what_has_no_docstring_is_told(path: str, package: hooks.Found, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(hooks.undocumented({"htcgrid": package}, {path})) == []
    found: Any = package[path.partition(".")[2]]
    monkeypatch.setattr(found.final_target if found.is_alias else found, "docstring", None)
    (told,) = hooks.undocumented({"htcgrid": package}, {path})
    assert told.startswith(f"{found.canonical_path} has no docstring")


def test_a_field_of_a_record_may_speak_for_itself(package: hooks.Found) -> None:
    assert isinstance(package["model.Lease.agent"], griffe.Attribute | griffe.Alias)
    assert package["model.Lease.agent"].docstring is None
    assert list(hooks.undocumented({"htcgrid": package}, {"htcgrid.model.Lease.agent"})) == []


def test_a_comment_before_a_field_and_the_value_of_a_constant_are_shown(package: hooks.Found) -> None:
    field: Any = package["RetryPolicy.tries"]
    assert field.docstring.value == "Runs of the handler in all; 1 means no retry."
    assert str(field.value) == "3"


@pytest.mark.parametrize(("written", "shown"), BLOCKS)
def test_a_block_that_is_a_file_shows_its_name(written: str, shown: str) -> None:
    assert hooks.on_page_markdown(written) == shown


@pytest.mark.parametrize("page", REFERENCE, ids=named)
def test_a_page_of_the_reference_begins_with_a_sentence(page: Path) -> None:
    title, _, rest = page.read_text(encoding="utf-8").partition("\n\n")
    assert title.startswith("# ")
    assert rest.partition("\n\n")[0].endswith(".")


def test_a_strict_build_fails_on_each_fault_of_the_reference(tmp_path: Path) -> None:
    copy = tmp_path / "project"
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("docs", "htcgrid", "agent"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    shutil.copy(ROOT / "mkdocs.yml", copy)
    faults = [
        ("htcgrid/connector/watch.py", "and :meth:`wait` raises it", "and :meth:`await` raises it"),
        ("docs/reference/python/retries.md", "::: htcgrid.RetryPolicy\n", ""),
        (
            "htcgrid/connector/session.py",
            '        """Yield a handle to each task that is accepted so far, in order."""\n',
            "",
        ),
        ("docs/how-to/retry.md", "# Retries\n", "# Retries\n\n[Elsewhere](retry.md#no-such-heading)\n"),
    ]
    for file, right, wrong in faults:
        text = (copy / file).read_text(encoding="utf-8")
        assert right in text
        (copy / file).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    ended = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode != 0
    assert "'await'" in ended.stderr
    assert "htcgrid.RetryPolicy is public, and on no page" in ended.stderr
    assert "SessionHandle.tasks has no docstring" in ended.stderr
    assert "no-such-heading" in ended.stderr
