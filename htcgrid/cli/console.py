"""The terminal, for tables and bars; slow to import."""

from typing import NoReturn

from rich.console import Console

#: A pipe has no width: nothing is cut for it.
_WIDE = 10_000


class Screen(Console):
    """Stdout, as wide as it is; whoever has had enough of it ends the command as it ends one that prints text."""

    def __init__(self) -> None:
        super().__init__(highlight=False)
        if not self.is_terminal:
            self.width = _WIDE

    def on_broken_pipe(self) -> NoReturn:
        """Tell the command line, which knows the exit status for that."""
        raise BrokenPipeError
