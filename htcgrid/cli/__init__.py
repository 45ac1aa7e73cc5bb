"""The command line: ``htcgrid --help``."""

import signal
import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with an :class:`~htcgrid.cli.exits.Exit`."""
    try:
        # What it takes is imported here, for that takes a while, in which users may press Ctrl-C as well.
        from htcgrid.cli.commands import run

        run(arguments)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.stderr.write("htcgrid: interrupted\n")
        sys.exit(130)
