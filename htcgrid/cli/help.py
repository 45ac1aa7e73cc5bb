"""``htcgrid help``: what a command does."""

import click

from htcgrid.cli.suggesting import unknown_command


@click.command()
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.pass_context
def command(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of COMMAND, as COMMAND --help does; without one, that of htcgrid."""
    assert ctx.parent is not None  # noqa: S101 - it is a command of the group
    found: click.Command = ctx.parent.command
    context = ctx.parent
    for word in words:
        if not isinstance(found, click.Group):
            raise click.UsageError(f"{context.command_path!r} has no commands, so no {word!r}.", context)
        inner = found.get_command(context, word)
        if inner is None:
            raise unknown_command(found, context, word)
        found, context = inner, click.Context(inner, info_name=word, parent=context)
    click.echo(found.get_help(context))
