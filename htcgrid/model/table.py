"""What a notebook shows of an object: a small table."""

from collections.abc import Mapping
from html import escape

from htcgrid.plain_text import plain

#: Most letters of one cell.
_CELL = 2_000


def table(caption: str, rows: Mapping[str, object]) -> str:
    """Return a caption and rows of a name and a value as HTML; None and empty text are left out."""
    shown = "".join(
        f'<tr><th style="text-align:left">{_cell(name)}</th><td style="text-align:left">{_cell(value)}</td></tr>'
        for name, value in rows.items()
        if value is not None and value != ""
    )
    return f'<table><caption style="text-align:left">{_cell(caption)}</caption>{shown}</table>'


def _cell(value: object) -> str:
    text = str(value)
    cut = text if len(text) <= _CELL else f"{text[:_CELL]}…"
    return escape(plain(cut))
