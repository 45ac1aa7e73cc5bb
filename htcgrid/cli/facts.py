"""What commands print for programs: one JSON object a line."""

import json
from collections.abc import Callable, Mapping
from typing import TypeVar

import click

from htcgrid.plain_text import plain_json

_Function = TypeVar("_Function", bound=Callable[..., object])


def json_option(function: _Function) -> _Function:
    """Give a command the option --json, as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")(function)


def print_facts(facts: Mapping[str, object]) -> None:
    """Print one object, and nothing else, on a line of its own."""
    click.echo(encoded_facts(facts))


def encoded_facts(facts: Mapping[str, object]) -> bytes:
    """Return an object as JSON; what cannot be seen is escaped, and text that UTF-8 lacks, as in names of files."""
    import msgspec

    try:
        return plain_json(msgspec.json.encode(facts))
    except UnicodeEncodeError:
        return plain_json(json.dumps(msgspec.to_builtins(facts)).encode())
