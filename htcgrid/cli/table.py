"""A table for people; where a terminal is too narrow for it, some lines for each row instead."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from htcgrid.cli.say import say
from htcgrid.plain_text import plain


class Column(NamedTuple):
    """A column's name and how its cells stand."""

    name: str
    #: Numbers stand at the right.
    right: bool = False
    #: Whether a long cell goes on in the next line.
    folds: bool = False


def show_table(columns: Sequence[Column], rows: Iterable[Sequence[str]], blocks: Iterable[Sequence[str]]) -> None:
    """Print a table, or of each row the lines of its block when the terminal is too narrow for it."""
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    from htcgrid.cli.console import Screen

    table = Table(box=None, header_style="bold")
    for column in columns:
        justify = "right" if column.right else "left"
        table.add_column(column.name, justify=justify, overflow="fold", no_wrap=not column.folds)  # type: ignore[arg-type]
    for row in rows:
        # As text: a cell may hold what rich takes for its own markup.
        table.add_row(*(Text(plain(cell)) for cell in row))
    screen = Screen()
    if Measurement.get(screen, screen.options.update(max_width=1000), table).minimum <= screen.width:
        screen.print(table)
        return
    for line in chain.from_iterable(blocks):
        say(line)
