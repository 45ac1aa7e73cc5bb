"""The places in connector, reaper and agent that call a store, found in their source."""

import ast
from collections.abc import Iterator
from pathlib import Path

from htcgrid.interfaces import PayloadStore, StateStore, TaskQueue
from tests.simulation.faults import Site

_ROOT = Path(__file__).parents[2]
#: What is simulated. An embedded grid's calls are those of a compute backend: processes, which no simulation runs.
_FOLDERS = ("htcgrid/connector", "htcgrid/reaper", "agent/htcgrid_agent")
_VERBS = {
    f"{kind}": {name for name in vars(interface) if not name.startswith("_")}
    for kind, interface in (("state", StateStore), ("queue", TaskQueue), ("payloads", PayloadStore))
}
#: What the code calls its stores.
_NAMES = {
    "state": "state",
    "_state": "state",
    "queue": "queue",
    "_queue": "queue",
    "payloads": "payloads",
    "_payloads": "payloads",
    "payload_store": "payloads",
    "_payload_store": "payloads",
}


def call_sites() -> dict[Site, int]:
    """Return the first line of each call of a store's verb, and its last line."""
    return {
        Site(str(file.relative_to(_ROOT)), first): last
        for folder in _FOLDERS
        for file in sorted((_ROOT / folder).rglob("*.py"))
        for first, last in _calls(ast.parse(file.read_text()))
    }


def unreached(reached: set[Site]) -> list[Site]:
    """Return the call sites that none of these places is within."""
    return [
        site
        for site, last in call_sites().items()
        if not any(place.file == site.file and site.line <= place.line <= last for place in reached)
    ]


def _calls(tree: ast.AST) -> Iterator[tuple[int, int]]:
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Attribute) and _is_verb(child):
                # A verb that is called, or handed over to be called, as partial(store.get, keys) does.
                yield node.lineno if isinstance(node, ast.expr) else child.lineno, _last(node, child)


def _last(node: ast.AST, child: ast.Attribute) -> int:
    return (node.end_lineno if isinstance(node, ast.expr) else child.end_lineno) or child.lineno


def _is_verb(node: ast.Attribute) -> bool:
    owner = node.value
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return name in _NAMES and node.attr in _VERBS[_NAMES[name]] - {"limits"}
