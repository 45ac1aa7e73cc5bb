"""A progress bar in a notebook's cell, with nothing but what every notebook has."""

import io
import sys
import time
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.progress import Progress

#: Letters that fit a cell.
_WIDTH = 100
_HTML = '<pre style="margin: 0; line-height: normal; font-family: monospace">{code}</pre>'


def in_notebook() -> bool:
    """Whether this program is the kernel of a notebook; looks at what is imported, and imports nothing."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    # Jupyter's, and Colab's.
    return type(shell).__name__ in {"ZMQInteractiveShell", "Shell"}


class NotebookDisplay:
    """Shows a rich bar as HTML, in one output that is replaced; rich's own way would need widgets installed."""

    #: Seconds between two looks at the bar, so that a notebook is not flooded.
    _PAUSE = 0.1

    def __init__(self, bar: "Progress") -> None:
        self._bar = bar
        self._handle: Any = None
        self._shown = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show()

    def refresh(self) -> None:
        """Show the bar as it is, unless that was done a moment ago."""
        if time.monotonic() - self._shown >= self._PAUSE:
            self._show()

    def _show(self) -> None:
        data = self._rendered()
        if self._handle is None:
            # Loaded already, where this is called, and no dependency of ours.
            self._handle = import_module("IPython.display").display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)
        self._shown = time.monotonic()

    def _rendered(self) -> dict[str, str]:
        from rich.console import Console  # noqa: PLC0415 - as all of rich, for those who look at bars

        console = Console(file=io.StringIO(), record=True, width=_WIDTH, force_jupyter=False, force_terminal=True)
        console.print(self._bar)
        return {
            "text/html": console.export_html(inline_styles=True, code_format=_HTML, clear=False),
            "text/plain": console.export_text().rstrip(),
        }
