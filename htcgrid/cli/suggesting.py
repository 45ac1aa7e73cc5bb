"""Groups of commands that ask who misspelt one what was meant."""

import click

from htcgrid.nearest import did_you_mean


class SuggestingGroup(click.Group):
    """A group that names the command that is most like one that it does not have."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first word names, and the other words."""
        word = args[0]
        if not word.startswith("-") and not ctx.resilient_parsing and self.get_command(ctx, word) is None:
            raise unknown_command(self, ctx, word)
        return super().resolve_command(ctx, args)


def unknown_command(group: click.Group, ctx: click.Context, word: str) -> click.UsageError:
    """Return what is said of a command that a group does not have."""
    return click.UsageError(f"No such command {word!r}{did_you_mean(word, group.list_commands(ctx)) or '.'}", ctx)
