"""What the site adds to its pages, and what it refuses to be built with: mkdocs.yml names this file."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocstrings import Inventory

_HERE = Path(__file__).parent
#: What a block is, as tests/docs/page.py has it: a file of the reader's, or another library's code; and its first line.
_NAMED = re.compile(r"^<!-- (?:file|theirs): (?P<name>[^\n]+) -->\n```\w+$", re.MULTILINE)
#: Modules whose public names the reference must have.
_PUBLIC = ("htcgrid", "htcgrid.errors", "htcgrid.interfaces", "htcgrid.testing")
#: Packages with something that is public, and where they are.
_PACKAGES = {"htcgrid": Path(), "htcgrid_agent": Path("agent")}

Found: TypeAlias = griffe.Object | griffe.Alias
log = get_plugin_logger("reference")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Show above a block which file it is, or whose code."""
    return _NAMED.sub(r'\g<0> title="\g<name>"', markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Warn, which fails a strict build, of what the reference lacks."""
    with Path(config.site_dir, "objects.inv").open("rb") as file:
        shown = set(Inventory.parse_sphinx(file, domain_filter=("py",)))
    root = Path(config.config_file_path).parent
    packages = {name: loaded(name, root / folder) for name, folder in _PACKAGES.items()}
    for fault in sorted({*lacking(packages["htcgrid"], shown), *undocumented(packages, shown)}):
        log.warning(fault)


def loaded(name: str, folder: Path) -> Found:
    """Return a package as the reference has it."""
    return griffe.load(name, search_paths=[folder], extensions=griffe.load_extensions(str(_HERE / "docstrings.py")))


def lacking(package: Found, shown: set[str]) -> Iterator[str]:
    """Yield a sentence on each public name that no page has."""
    for path in _PUBLIC:
        module = package if path == package.name else package[path.partition(".")[2]]
        for name, member in module.members.items():
            is_ours = name in module.exports if module.exports else not member.is_alias
            if not is_ours or not member.is_public or member.is_module or member.is_attribute:
                continue
            if {f"{path}.{name}", member.canonical_path}.isdisjoint(shown):
                where = "docs/reference/python"
                yield f"{path}.{name} is public, and on no page of {where}: add '::: {path}.{name}' to one"


def undocumented(packages: Mapping[str, Found], shown: set[str]) -> Iterator[str]:
    """Yield a sentence on each thing that the reference has without a word on it.

    Fields of records may speak for themselves, but not those of what users import from htcgrid.
    """
    core = packages["htcgrid"]
    exported = {core[name].canonical_path for name in map(str, core.exports or ()) if name in core.members}
    for path in sorted(shown):
        package, _, rest = path.partition(".")
        found = packages[package][rest]
        owner = found.parent.canonical_path if found.parent is not None else ""
        speaks_for_itself = found.is_attribute and "property" not in found.labels and owner not in exported
        if found.docstring is None and not speaks_for_itself:
            yield f"{found.canonical_path} has no docstring: write one, or a comment with '#:' before a field"
