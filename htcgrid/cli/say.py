"""What commands print for people: all of it plain, and a line only where a line was meant."""

import click

from htcgrid.document import brief
from htcgrid.plain_text import plain, plain_lines


def say(line: str, *, err: bool = False) -> None:
    """Print a line."""
    click.echo(plain(line), err=err)


def say_error(error: object) -> None:
    """Print what an error says to stderr; lines behind its first are set in, so that none passes for one of ours."""
    first, *others = plain_lines(brief(str(error)))
    click.echo("\n".join([f"htcgrid: {first}", *(f"    {line}" if line else "" for line in others)]), err=True)
