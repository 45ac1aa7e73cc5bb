"""Docstrings of htcgrid as the reference shows them: griffe's extension, named in mkdocs.yml.

Fields are described by the ``#:`` comments before them. A role, as ``:meth:`Grid.session```, becomes a link, which the
build refuses when it leads nowhere. A default that is a constant becomes its value.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe

from htcgrid import errors

_ROLE = re.compile(r":(?:py:)?[a-z]+:`(?P<target>[^`]+)`")
_COMMENT = re.compile(r"\s*#: ?(?P<text>.*)")
#: Modules whose constants are the defaults of arguments and fields.
_CONSTANTS = ("model.defaults", "model.codec", "interfaces")
#: Modules that docstrings refer to, and that this site has no pages of.
_OTHERS = sys.stdlib_module_names | {"numpy", "pandas"}
#: Where names that a docstring uses without a module are looked for.
_PUBLIC = ("", "errors", "interfaces", "model", "plugins", "testing")


class Docstrings(griffe.Extension):
    """Rewrites what was collected of a package, once all of it is there."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **_: Any) -> None:
        """Describe fields, link names, and say what constants are."""
        found = list(_objects(pkg))
        for one in found:
            if isinstance(one, griffe.Module):
                _know_errors(one)
        for one in found:
            if isinstance(one, griffe.Attribute) and one.docstring is None and (text := _comment(one)):
                one.docstring = griffe.Docstring(text, parent=one, lineno=one.lineno)
        for one in found:
            if one.docstring is not None:
                one.docstring.value = linked(one.docstring.value, one, pkg)
            _spell_out(one, pkg)
            _leave_out(one)


def _know_errors(module: griffe.Module) -> None:
    """Let docstrings name errors that their module does not import."""
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, errors.HtcGridError) and name not in module.members:
            module.set_member(name, griffe.Alias(name, f"{errors.__name__}.{name}", parent=module))


def linked(text: str, of: griffe.Object, package: griffe.Module) -> str:
    """Return the text with its roles as links, and as plain code when they name what this site has no page of."""

    def link(match: re.Match[str]) -> str:
        target = match["target"].lstrip("~.")
        if target.partition(".")[0] in _OTHERS:
            return f"`{target}`"
        # A name that is not found stays a link, which breaks the build where it is shown.
        return f"[`{target}`][{_resolved(target, of, package) or target}]"

    return _ROLE.sub(link, text)


def _resolved(target: str, of: griffe.Object, package: griffe.Module) -> str | None:
    """Return the path of what is meant: a member of the same class, or a public name with what follows it."""
    path = target.split(".")
    if path[0] == package.name:
        return target
    scopes: list[griffe.Object | griffe.Alias] = [scope for scope in (of, of.parent, of.module) if scope is not None]
    for scope in (*scopes, *_rooms(package)):
        names = scope.all_members if scope.is_class else scope.members
        if path[0] in names:
            first = _home(names[path[0]])
            return ".".join((first, *path[1:])) if first.startswith("htcgrid") else None
    return None


def _home(of: griffe.Object | griffe.Alias) -> str:
    """Return the path of the object itself, wherever it was imported from."""
    try:
        return of.canonical_path
    except griffe.AliasResolutionError:
        # Of the standard library, or of another package.
        return of.target_path if isinstance(of, griffe.Alias) else of.path


def _rooms(package: griffe.Module) -> Iterator[griffe.Object | griffe.Alias]:
    for name in _PUBLIC:
        if not name:
            yield package
        elif name in package.members:
            yield package[name]


def _objects(of: griffe.Object) -> Iterator[griffe.Object]:
    """Yield the object and all that is in it, without what is imported."""
    yield of
    for member in of.members.values():
        if isinstance(member, griffe.Object):
            yield from _objects(member)


def _comment(of: griffe.Attribute) -> str:
    """Return the ``#:`` lines right before a field."""
    file = of.module.filepath
    lines = of.lines_collection[file] if of.lineno and isinstance(file, Path) else []
    found: list[str] = []
    for line in reversed(lines[: (of.lineno or 1) - 1]):
        match = _COMMENT.fullmatch(line)
        if match is None:
            break
        found.insert(0, match["text"])
    text = " ".join(found)
    return text[:1].upper() + text[1:]


def _spell_out(one: griffe.Object, package: griffe.Module) -> None:
    """Put the value of a constant in the place of its name, and the type of an argument on what keeps it."""
    if isinstance(one, griffe.Attribute) and {"instance-attribute"} == one.labels - {"property"}:
        _type_as_argument(one)
    elif isinstance(one, griffe.Attribute) and one.value is not None:
        one.value = _value(one.value, package)
    elif isinstance(one, griffe.Function):
        for parameter in one.parameters:
            if parameter.default is not None:
                parameter.default = _value(parameter.default, package)


def _leave_out(one: griffe.Object) -> None:
    """Take away what only who reads the code wants to know."""
    if isinstance(one, griffe.Attribute):
        one.labels -= {"class-attribute", "instance-attribute", "module-attribute"}
    elif isinstance(one, griffe.Class):
        one.bases = [base for base in one.bases if str(base) not in {"ABC", "msgspec.Struct"}]


def _type_as_argument(one: griffe.Attribute) -> None:
    made = one.parent.members.get("__init__") if one.parent is not None else None
    if isinstance(made, griffe.Function) and one.annotation is None and str(one.value) in made.parameters:
        one.annotation = made.parameters[str(one.value)].annotation
    one.value = None


def _value(shown: str | griffe.Expr, package: griffe.Module) -> str | griffe.Expr:
    name = str(shown).rpartition(".")[2]
    homes = [package[path] for path in _CONSTANTS] if name.isupper() and package.name == "htcgrid" else []
    found = next((home[name] for home in homes if name in home.members), None)
    return str(found.value) if isinstance(found, griffe.Attribute) and found.value is not None else shown
