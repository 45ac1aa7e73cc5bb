"""The page on the interfaces, written from their docstrings: ``python -m tests.docs.interfaces``.

A verb's docstring has its promise, a sentence that begins with "Repeating it", one that begins with "Costs", and what
it raises; the local provider's has a sentence on its own costs.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from htcgrid import interfaces, model

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "interfaces.md"
#: Where the local provider keeps each interface.
LOCAL = {
    "StateStore": ("state.py", "SqliteStateStore"),
    "TaskQueue": ("queue.py", "SqliteTaskQueue"),
    "PayloadStore": ("payloads.py", "FilePayloadStore"),
    "ComputeBackend": ("compute.py", "ProcessComputeBackend"),
}
TABLES = {"StateStore": "state", "TaskQueue": "queue", "PayloadStore": "payloads", "ComputeBackend": "compute"}
#: What an argument of this name is, whatever verb it goes to.
ARGUMENTS = {
    "above": "only hints of a priority higher than this; with None all of them",
    "agent": "the id of an agent, which no other one has",
    "agents": "who is to end",
    "dry": "a pool whose queue has no hints: its pending bundles that nobody claimed are among what is due",
    "blobs": "the objects' bytes by their keys",
    "bundles": "bundles of the session, in any order; ranges of tasks that do not overlap",
    "commits": "outcomes, each of one bundle; a bundle may stand in several",
    "count": "how many agents there shall be",
    "cursor": "where the last page ended, as it was returned; at first `BEGINNING`",
    "deliveries": "hints as they were received",
    "follow": "whether to go on with what comes from now on",
    "hints": "bundles that may be claimable, each with its pool and priority",
    "keys": "the names of bundles, or of objects; a name may stand there twice, or belong to nothing",
    "lease": "how long bundles stay with an agent that does not renew them; or the lease of what is given back",
    "leases": "those to keep, current or not",
    "limit": "most of what one call returns or deletes",
    "pool": "the name of a pool of agents, or what the pool shall be; None for all",
    "prefix": "the first parts of keys, without the slash behind them",
    "remainders": "what is to be carved off, each to become a bundle of its own",
    "report": "what the agent says",
    "sealed": "whether these are all the tasks of the session",
    "session": "the session as its client submits it",
    "session_id": "the session's id, which need not exist",
    "session_ids": "ids of sessions, which need not exist; one may stand there twice",
    "tail": "how many lines to begin with, from the end",
    "task": "the index of a task, with or without an outcome",
    "total": "how many tasks the session has",
    "wait": "how long to wait for the first; zero to look once",
}
_WIDTH = 120

_HEAD = """\
<!-- Written by `make reference` from the docstrings of htcgrid/interfaces.py and htcgrid/local: change those. -->

# Provider interfaces

What a provider implements. [Providers of your own](../how-to/write-a-provider.md) is the way there, and
`htcgrid.testing` holds it to what stands here.
"""
_COSTS = """\
The provider `local` sends no requests. Its *write* is one transaction that is on the disk when it returns; a *quick
write* waits for no disk, and only the loss of power can undo it; a *read* waits for nobody.
"""


class Verb(NamedTuple):
    """A method of an interface, as its docstring has it."""

    name: str
    arguments: str
    returns: str
    promise: list[str]
    repeating: str
    costs: str
    raises: list[str]
    local: str


def page() -> str:
    """Return the page as it has to be."""
    tree = parsed(ROOT / "htcgrid" / "interfaces.py")
    _, _, rules = (ast.get_docstring(tree) or "").partition("\n\n")
    parts = [_HEAD, "## Common rules", marked_up(rules), _COSTS]
    for name in LOCAL:
        parts += section(found_class(tree, name))
    parts += ["## Arguments", arguments()]
    parts += [
        "## Records",
        "What the verbs take and return, from `htcgrid.model` and `htcgrid.interfaces`.",
        records(tree),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def section(interface: ast.ClassDef) -> Iterator[str]:
    """Yield the parts of the page on one interface."""
    yield f"## `{interface.name}`"
    yield wrapped(f"`[{TABLES[interface.name]}]` in `grid.toml`. {marked_up(ast.get_docstring(interface) or '')}")
    found = verbs(interface)
    rows = [f"| [`{verb.name}`](#{anchor(interface, verb)}) | {verb.costs} | {verb.local} |" for verb in found]
    yield "\n".join(["| verb | costs | with `local` |", "|---|---|---|", *rows])
    for verb in found:
        yield f"### `{interface.name}.{verb.name}`"
        yield wrapped(f"`{verb.name}({verb.arguments})`" + (f" → `{verb.returns}`" if verb.returns != "None" else ""))
        yield from map(wrapped, verb.promise)
        yield "\n".join(
            wrapped(f"- {line}", indent="  ")
            for line in (f"**Repeated:** {verb.repeating}.", *(f"**Raises** {line}" for line in verb.raises))
        )


def verbs(interface: ast.ClassDef) -> list[Verb]:
    """Return the abstract methods of an interface, in their order, with what the local provider says of each."""
    file, name = LOCAL[interface.name]
    local = {method.name: method for method in methods(found_class(parsed(ROOT / "htcgrid" / "local" / file), name))}
    found = []
    for method in methods(interface):
        text, _, raised = (ast.get_docstring(method) or "").partition("\n\nRaises:\n")
        paragraphs = [sentences(paragraph) for paragraph in text.split("\n\n")]
        special = [one for paragraph in paragraphs for one in paragraph if one.startswith(("Repeating it ", "Costs "))]
        plain = [" ".join(one for one in paragraph if one not in special) for paragraph in paragraphs]
        found.append(
            Verb(
                name=method.name,
                arguments=ast.unparse(method.args).removeprefix("self").removeprefix(", "),
                returns=ast.unparse(method.returns) if method.returns else "None",
                promise=[paragraph for paragraph in plain if paragraph],
                repeating=only(special, "Repeating it ", method.name),
                costs=only(special, "Costs ", method.name),
                raises=[f"`{kind}`: {what}" for kind, what in raising(raised)],
                local=only(sentences(ast.get_docstring(local[method.name]) or ""), "Costs ", f"local {method.name}"),
            )
        )
    return found


def only(found: list[str], start: str, where: str) -> str:
    """Return the one sentence that starts so, without its start."""
    matching = [one.removeprefix(start) for one in found if one.startswith(start)]
    assert len(matching) == 1, f"the docstring of {where} must have one sentence that begins with {start!r}"
    return matching[0].removesuffix(".")


def methods(interface: ast.ClassDef) -> list[ast.FunctionDef]:
    """Return the public methods but open and close, which all interfaces have."""
    found = [node for node in interface.body if isinstance(node, ast.FunctionDef)]
    return [node for node in found if not node.name.startswith("_") and node.name not in {"open", "close"}]


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, each on one line and marked up."""
    return re.split(r"(?<=\.) (?=[A-Z])", marked_up(" ".join(text.split())))


def raising(text: str) -> Iterator[tuple[str, str]]:
    """Yield what is raised, and when."""
    for match in re.finditer(r"^ *(\w+): (.+?)(?=^ *\w+: |\Z)", text, re.MULTILINE | re.DOTALL):
        yield match[1], marked_up(" ".join(match[2].split()))


def marked_up(text: str) -> str:
    """Return reStructuredText's names of code as those of Markdown."""
    text = re.sub(r":\w+:`(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`")


def arguments() -> str:
    """Return the table of arguments."""
    return "\n".join(
        ["| argument | is |", "|---|---|", *(f"| `{name}` | {what} |" for name, what in ARGUMENTS.items())]
    )


def records(tree: ast.Module) -> str:
    """Return the table of the records that stand in signatures."""
    rows = ["| record | has | is |", "|---|---|---|"]
    for name in sorted(named(tree)):
        record = record_of(name)
        fields = [one.name for one in msgspec.structs.fields(record)] if is_struct(record) else list(record._fields)
        summary = marked_up(sentences((record.__doc__ or "").split("\n\n")[0])[0])
        rows.append(f"| `{name}` | {', '.join(f'`{field}`' for field in fields)} | {summary} |")
    return "\n".join(rows)


def named(tree: ast.Module) -> set[str]:
    """Return the names of records in the signatures of all verbs."""
    annotations = [
        annotation
        for interface in LOCAL
        for method in methods(found_class(tree, interface))
        for annotation in (*(one.annotation for one in (*method.args.args, *method.args.kwonlyargs)), method.returns)
        if annotation is not None
    ]
    names = {node.id for one in annotations for node in ast.walk(one) if isinstance(node, ast.Name)}
    return {name for name in names if hasattr(record_of(name), "_fields") or is_struct(record_of(name))}


def record_of(name: str) -> Any:
    """Return the record of this name; None when it is something else's."""
    return getattr(model, name, None) or getattr(interfaces, name, None)


def is_struct(found: object) -> bool:
    """Return whether this is a class of msgspec's."""
    return isinstance(found, type) and issubclass(found, msgspec.Struct)


def anchor(interface: ast.ClassDef, verb: Verb) -> str:
    """Return the name by which links find a verb."""
    return f"{interface.name}{verb.name}".lower()


def wrapped(text: str, indent: str = "") -> str:
    """Return a paragraph in lines of a bearable width; code is never broken."""
    lines = [""]
    for word in re.findall(r"(?:`[^`]*`|\S)+", text):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _WIDTH:
            lines.append(indent)
        lines[-1] += word if lines[-1] in {"", indent} else f" {word}"
    return "\n".join(lines)


def found_class(tree: ast.Module, name: str) -> ast.ClassDef:
    """Return the class of this name."""
    [found] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    return found


def parsed(file: Path) -> ast.Module:
    """Return a module's source as a tree."""
    return ast.parse(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
