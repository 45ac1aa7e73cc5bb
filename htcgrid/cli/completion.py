"""``htcgrid completion``: what lets a shell complete commands, options, sessions and agents."""

import click
from click.shell_completion import get_completion_class

#: The variable by which the script asks this program; click looks for it.
_VARIABLE = "_HTCGRID_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands, options, sessions' ids and agents.

    \b
    bash: put into ~/.bashrc                     eval "$(htcgrid completion bash)"
    zsh:  put into ~/.zshrc, after compinit      eval "$(htcgrid completion zsh)"
    fish: htcgrid completion fish > ~/.config/fish/completions/htcgrid.fish

    A session's id is completed from the 100 newest of the grid: 1 request each time.
    """  # noqa: D301 - click's mark for lines that stay as they are
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this version of click completes nothing for {shell}")
    click.echo(kind(ctx.find_root().command, {}, "htcgrid", _VARIABLE).source())
