"""The page that leads from an empty folder to a provider can be followed by a stranger who has only htcgrid."""

from pathlib import Path

import pytest

from tests.docs.page import Block, Reader, blocks, environment
from tests.environment import ROOT, Environment, build

PAGE = ROOT / "docs" / "how-to" / "write-a-provider.md"


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """Return the variables of a shell with htcgrid's wheel, pip, and what the page has it install."""
    made = Environment(tmp_path / "venv")
    made.install(build(ROOT, tmp_path / "dist"))
    for needed in ("htcgrid", "pytest", "hypothesis", "pip", "hatchling", "editables"):
        made.install_what_is_required(needed)
    # What the page would fetch is here: nothing else is asked for.
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    ours = ("PIP_", "PYTHONPATH", "VIRTUAL_ENV")
    kept = {name: value for name, value in environment(made.folder / "bin").items() if not name.startswith(ours)}
    return kept | offline


def text() -> list[Block]:
    return list(blocks(PAGE.read_text(encoding="utf-8")))


def test_every_block_is_tried_but_those_that_say_that_they_are_not() -> None:
    assert not [block.text for block in text() if block.verb is None]
    [kept] = [block.text for block in text() if block.verb == "not run"]
    assert "twine upload" in kept


def test_the_page_leads_from_an_empty_folder_to_a_grid_on_the_provider(shell: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "htcgrid-acme"
    folder.mkdir()
    with Reader(folder, shell) as reader:
        for block in text():
            reader.do(block)
