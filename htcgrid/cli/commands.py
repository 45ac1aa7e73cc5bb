"""The commands, and how they end."""

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from io import BufferedReader, FileIO, TextIOWrapper
from typing import Any

import click
from click.shell_completion import CompletionItem

from htcgrid.cli.examples import show_examples
from htcgrid.cli.exits import Exit, exit_of
from htcgrid.cli.say import say_error
from htcgrid.cli.suggesting import SuggestingGroup
from htcgrid.cli.surroundings import check_surroundings
from htcgrid.document import brief
from htcgrid.errors import ConfigError, HtcGridError
from htcgrid.plain_text import plain_lines

#: The commands by what they are about, in the order in which a new user needs them, and what each does. A command's
#: module has its name, and is imported when it is called, so that help is instant.
GROUPS = {
    "tasks": {
        "demo": "Price a portfolio of options on an embedded grid.",
        "run": "Run an example folder on a document.",
        "submit": "Submit tasks from a file; print the session's id.",
    },
    "sessions": {
        "status": "Show how far sessions are.",
        "watch": "Watch sessions until every task has ended.",
        "results": "Print outcomes as they become known, as JSON lines.",
        "retry": "Submit a session's failed tasks again.",
        "explain": "Say why a session or a task has not ended.",
        "logs": "Print what handlers printed, or an agent's log.",
        "sessions": "Look for sessions by label, handler or age.",
        "cancel": "Cancel sessions.",
        "delete": "Delete sessions with their payloads and outcomes.",
    },
    "agents": {
        "agent": "Run an agent of a grid.",
        "agents": "List the agents, and what they hold.",
        "reaper": "Run the reaper alone.",
    },
    "grid": {
        "init": "Print a grid.toml to begin with.",
        "config": "Check a grid.toml: 'config check'.",
        "doctor": "Try every part of a grid, and say what to do.",
        "bench": "Measure a grid.",
        "drill": "Strike a grid, and judge it.",
        "providers": "List the installed providers.",
    },
    "shell": {
        "completion": "Print what lets a shell complete commands.",
        "help": "Show what a command does: 'help submit'.",
    },
}
_COMMANDS = {name: text for commands in GROUPS.values() for name, text in commands.items()}


_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
#: In a line; docs/reference/command-line.md has a table.
_EXITS = "Exit: 0 well; 1 failed; 2 wrong; 3 damaged; 124 too late; 130 Ctrl-C; 141 unread"


class Commands(SuggestingGroup):
    """A group that knows its commands by name, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order in which a new user needs them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"htcgrid.cli.{cmd_name}").command
        show_examples(command, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; when whoever read its output, as head does, has had enough, it ends with that status."""
        try:
            return super().invoke(ctx)
        except HtcGridError:
            # One of them is a TimeoutError, too, and so an OSError.
            raise
        except BrokenPipeError as error:
            _write_no_more()
            raise click.exceptions.Exit(Exit.UNREAD) from error
        except OSError as error:
            # A full disk behind stdout, most likely.
            _write_no_more()
            raise ConfigError(f"the output cannot be written, or the input read: {error.strerror or error}") from error

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write help that fits a screen of 24 lines and 80 columns, without importing a command."""
        formatter.write_usage("htcgrid", "[-V | --version] [-h | --help] COMMAND ...")
        formatter.write(f"{self.help}\n")
        for group, commands in GROUPS.items():
            for number, (name, text) in enumerate(commands.items()):
                formatter.write(f"  {'' if number else group:<10}{name:<12}{text}\n")
        formatter.write(f"{_EXITS}\n")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that begin so, without importing a command."""
        commands = [CompletionItem(name, help=text) for name, text in _COMMANDS.items() if name.startswith(incomplete)]
        return commands + click.Command.shell_complete(self, ctx, incomplete)


def _prepare_streams() -> None:
    """Let a stream that was closed be empty, or go nowhere, and let no name of a file be what it cannot write."""
    # What is opened next would else be stdout for everything that writes there, a state file among them.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or _nothing_to_read()
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _nothing_to_read() -> TextIOWrapper:
    nothing = FileIO(0, closefd=False)
    # As Python itself names it, for messages.
    nothing.name = "<stdin>"
    return TextIOWrapper(BufferedReader(nothing), encoding="utf-8")


def _write_no_more() -> None:
    """Let what is still to be written go nowhere; else Python would complain at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=Commands, context_settings=_SETTINGS)
@click.version_option(None, "-V", "--version", package_name="htcgrid")
def htcgrid() -> None:
    """A grid for huge numbers of short tasks: on one machine, or on several by Redis."""


def run(arguments: list[str] | None) -> None:
    """Run a command and exit with an :class:`Exit`."""
    try:
        _prepare_streams()
        check_surroundings(sys.argv[1:] if arguments is None else arguments)
        status: Any = htcgrid.main(args=arguments, prog_name="htcgrid", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.ClickException as error:
        error.message = "\n".join(plain_lines(brief(error.message)))  # type: ignore[misc]
        error.show()
        sys.exit(Exit.WRONG)
    except HtcGridError as error:
        say_error(error)
        sys.exit(exit_of(error))
    except (KeyboardInterrupt, click.Abort):
        # One more ends the end of this process, and shows nothing of it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        click.echo("htcgrid: interrupted", err=True)
        sys.exit(Exit.INTERRUPTED)
    sys.exit(status if isinstance(status, int) else Exit.DONE)
