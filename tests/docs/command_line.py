"""docs/reference/command-line.md, made of the commands themselves: ``make reference`` writes it."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from htcgrid.cli.commands import GROUPS, htcgrid
from htcgrid.cli.examples import EXAMPLES
from htcgrid.cli.exits import Exit
from htcgrid.findings.finding import FindingKind

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "command-line.md"
_TITLES = {
    "tasks": "Running tasks",
    "sessions": "Sessions",
    "agents": "Agents",
    "grid": "The grid",
    "shell": "The shell",
}
_HEAD = """\
# Command line

<!-- Made of the commands by `make reference`; a test compares it with them. -->

`htcgrid COMMAND --help` says the same. With `--json` a command prints one JSON object a line, for programs;
sentences for people may change. A command that works on a grid takes its
[grid.toml](configuration.md#location-of-the-file) from `--config`, `$HTCGRID_CONFIG` or the folder in which it is
called.

`eval "$(htcgrid completion bash)"` in `~/.bashrc` lets bash complete commands, options, sessions and agents.
"""


def page() -> str:
    """Return the page as it is to be."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    yield "## Exit statuses\n"
    yield "| status | means |\n|---|---|"
    yield from (f"| {int(status)} | {status.meaning} |" for status in Exit)
    # With its settings: click remembers the help option of the first context that asks for it.
    root = click.Context(htcgrid, info_name="htcgrid", **htcgrid.context_settings)
    for group, names in GROUPS.items():
        yield f"\n## {_TITLES[group]}\n"
        for name in names:
            command = htcgrid.get_command(root, name)
            assert command is not None, name
            yield from _command(command, click.Context(command, info_name=name, parent=root))
    yield "## Findings of explain\n"
    yield "The word that `htcgrid explain --json` gives as `finding`:\n"
    yield "| finding | means |\n|---|---|"
    yield from (f"| `{kind}` | {kind.meaning} |" for kind in FindingKind)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None, name
            yield from _command(found, click.Context(found, info_name=name, parent=context))
        return
    yield f"### {context.command_path}\n"
    yield f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```\n"
    yield f"{_text(command.help or '')}\n"
    if lines := EXAMPLES.get(context.command_path.removeprefix("htcgrid ")):
        yield "\n".join(["```console", *(f"$ {line}" for line in lines), "```\n"])
    records = [record for param in command.params if (record := param.get_help_record(context)) and record[1]]
    if records:
        yield "| option | means |\n|---|---|"
        yield from (f"| `{_cell(option)}` | {_cell(means)} |" for option, means in records)
        yield ""


def _text(text: str) -> str:
    """Return a command's help; what click leaves as it is becomes a block."""
    paragraphs = [" ".join(part.split()) if "\b" not in part else _block(part) for part in text.split("\n\n")]
    return "\n\n".join(part for part in paragraphs if part)


def _block(part: str) -> str:
    lines = [line.strip() for line in part.replace("\b", "").strip().splitlines()]
    return "\n".join(["```text", *lines, "```"])


def _cell(text: str) -> str:
    # Of "x>=1" Markdown would make nothing, but of a bar another cell.
    return re.sub(r"\s+", " ", text).replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
