"""The examples that help shows are such as the command line takes."""

import shlex
from pathlib import Path

import click
import pytest

from htcgrid.cli.commands import htcgrid as group
from htcgrid.cli.examples import EXAMPLES
from tests.cli.conftest import Command
from tests.cli.test_help import COMMANDS


def test_every_command_has_an_example_and_every_example_a_command() -> None:
    assert {path.split()[0] for path in EXAMPLES} == set(COMMANDS)


@pytest.mark.parametrize("path", EXAMPLES)
def test_help_ends_with_the_examples(htcgrid: Command, path: str) -> None:
    shown = htcgrid(*path.split(), "--help").out.splitlines()
    assert [line.strip() for line in shown[-len(EXAMPLES[path]) :]] == list(EXAMPLES[path])


@pytest.mark.parametrize(("path", "line"), [(path, line) for path, lines in EXAMPLES.items() for line in lines])
def test_an_example_is_understood(folder: Path, path: str, line: str) -> None:
    example = folder / "examples" / "portfolio"
    example.mkdir(parents=True)
    for file in ("trades.json", "trades.jsonl", "examples/portfolio/portfolio.json"):
        (folder / file).write_text("[]")
    program, *words = shlex.split(line)
    names = path.split()
    assert (program, words[: len(names)]) == ("htcgrid", names)
    context = click.Context(group, info_name="htcgrid", **group.context_settings)
    for name in names:
        found = context.command.get_command(context, name)  # type: ignore[attr-defined]
        context = click.Context(found, info_name=name, parent=context)
    # It raises a UsageError for words that the command does not take.
    with context.command.make_context(names[-1], words[len(names) :], parent=context.parent) as understood:
        assert understood.params
