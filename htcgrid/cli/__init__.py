"""The command line: ``htcgrid --help``."""

import os
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from htcgrid.cli.exits import Exit, exit_of
from htcgrid.errors import ConfigError, HtcGridError

#: Each command, where it is, and what it does. A command is imported when it is called, so that help is instant.
_COMMANDS = {
    "demo": ("htcgrid.cli.demo", "Price a portfolio of options on an embedded grid."),
    "run": ("htcgrid.cli.run", "Run an example folder on a document."),
    "agent": ("htcgrid.cli.agent", "Run an agent of a grid."),
    "reaper": ("htcgrid.cli.reaper", "Run the reaper alone."),
    "submit": ("htcgrid.cli.submit", "Submit tasks from a file; print the session's id."),
    "status": ("htcgrid.cli.status", "Show how far sessions are."),
    "watch": ("htcgrid.cli.watch", "Watch sessions until every task has ended."),
    "sessions": ("htcgrid.cli.sessions", "Look for sessions by label, handler or age."),
    "results": ("htcgrid.cli.results", "Print outcomes as they become known, one JSON object a line."),
    "cancel": ("htcgrid.cli.cancel", "Cancel sessions."),
    "delete": ("htcgrid.cli.delete", "Delete sessions with their payloads and outcomes."),
    "explain": ("htcgrid.cli.explain", "Say why a session or a task has not ended."),
    "logs": ("htcgrid.cli.logs", "Print what handlers printed, or an agent's log."),
    "agents": ("htcgrid.cli.agents", "List the agents, and what they hold."),
    "config": ("htcgrid.cli.config", "Check a grid.toml: 'htcgrid config check'."),
    "doctor": ("htcgrid.cli.doctor", "Try every part of a grid, and say what to do."),
    "providers": ("htcgrid.cli.providers", "List the installed providers."),
}


_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_EXITS = (
    "Exit status: 0 all is well; 1 tasks failed or were cancelled; 2 something is wrong; "
    "124 the time was over; 130 Ctrl-C; 141 nobody reads the output."
)


class Commands(click.Group):
    """A group that knows its commands by name, and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order in which a new user needs them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name][0]).command
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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


def _prepare_streams() -> None:
    """Let output go nowhere where a stream was closed, and let no name of a file be what it cannot write."""
    # What is opened next would else be stdout for everything that writes there, a state file among them.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _write_no_more() -> None:
    """Let what is still to be written go nowhere; else Python would complain at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=Commands, context_settings=_SETTINGS, epilog=_EXITS)
@click.version_option(package_name="htcgrid")
def htcgrid() -> None:
    """A grid for huge numbers of short tasks: on one laptop, any cloud, any Kubernetes."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with an :class:`Exit`."""
    try:
        _prepare_streams()
        status: Any = htcgrid.main(args=arguments, prog_name="htcgrid", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(Exit.WRONG)
    except HtcGridError as error:
        click.echo(f"htcgrid: {error}", err=True)
        sys.exit(exit_of(error))
    except (KeyboardInterrupt, click.Abort):
        click.echo("htcgrid: interrupted", err=True)
        sys.exit(Exit.INTERRUPTED)
    sys.exit(status if isinstance(status, int) else Exit.DONE)
