"""What the site adds to its pages, and what it refuses to be built with: mkdocs.yml names this file."""

import re
from collections.abc import Iterator
from pathlib import Path

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocstrings import Inventory

_HERE = Path(__file__).parent
#: What a block is, as tests/docs/page.py has it: a file of the reader's, or another library's code; and its first line.
_NAMED = re.compile(r"^<!-- (?:file|theirs): (?P<name>[^\n]+) -->\n```\w+$", re.MULTILINE)
#: Modules whose public names the reference must have, and packages in which they are found.
_PUBLIC = ("htcgrid", "htcgrid.errors", "htcgrid.interfaces", "htcgrid.testing")
_PACKAGES = {"htcgrid": _HERE.parent, "htcgrid_agent": _HERE.parent / "agent"}

log = get_plugin_logger("reference")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Show above a block which file it is, or whose code."""
    return _NAMED.sub(r'\g<0> title="\g<name>"', markdown)


def on_post_build(config: MkDocsConfig) -> None:
    """Warn, which fails a strict build, of what the reference lacks."""
    with Path(config.site_dir, "objects.inv").open("rb") as file:
        shown = set(Inventory.parse_sphinx(file, domain_filter=("py",)))
    extensions = griffe.load_extensions(str(_HERE / "docstrings.py"))
    packages = {
        name: griffe.load(name, search_paths=[folder], extensions=extensions) for name, folder in _PACKAGES.items()
    }
    for missing in sorted({*lacking(packages["htcgrid"], shown), *undocumented(packages, shown)}):
        log.warning(missing)


def lacking(package: griffe.Object | griffe.Alias, shown: set[str]) -> Iterator[str]:
    """Yield a sentence on each public name that no page has."""
    for path in _PUBLIC:
        module = package if path == "htcgrid" else package[path.removeprefix("htcgrid.")]
        for name, member in module.members.items():
            is_ours = name in (module.exports or ()) or (not member.is_alias and not module.exports)
            if is_ours and _is_shown_alone(member) and f"{path}.{name}" not in shown:
                yield f"{path}.{name} is public, and on no page of docs/reference/python: add '::: {path}.{name}' to one"


def _is_shown_alone(member: griffe.Object | griffe.Alias) -> bool:
    return member.is_public and not member.is_module and not member.is_attribute


def undocumented(packages: dict[str, griffe.Object | griffe.Alias], shown: set[str]) -> Iterator[str]:
    """Yield a sentence on each thing that the reference has without a word on it.

    Fields of records may speak for themselves, but not those of what users import from htcgrid.
    """
    exported = {
        packages["htcgrid"][name].canonical_path for name in packages["htcgrid"].exports or () if "_" not in name
    }
    for path in sorted(shown):
        package, _, rest = path.partition(".")
        found = packages[package][rest]
        is_plain = found.is_attribute and "property" not in found.labels
        owner = found.parent.canonical_path if found.parent is not None else ""
        if found.docstring is None and not (is_plain and owner not in exported):
            yield f"{found.canonical_path} has no docstring: write one, or a comment with '#:' before a field"
