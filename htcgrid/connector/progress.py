"""A progress bar for people who wait."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from htcgrid.connector.notebook import NotebookDisplay

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


class Progress:
    """Shows how many tasks have ended, how many failed, and how many end in a second."""

    def __init__(self, bar: "Bar", task: "TaskID", refresh: Callable[[], None] = lambda: None) -> None:
        self._bar = bar
        self._task = task
        self._refresh = refresh

    def show(self, *, ended: int, total: int | None, failed: int = 0) -> None:
        """Bring the bar up to date."""
        text = f"[red]{failed} failed" if failed else ""
        self._bar.update(self._task, completed=ended, total=total, failed=text)
        self._refresh()


@contextmanager
def progress_bar(description: str, console: "Console | None" = None) -> Iterator[Progress]:
    """Show a bar on stderr, in the cell of a notebook, or on ``console``, until the block ends.

    Rich is imported here: it is slow to import, and most sessions are waited for without it.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Task, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class SpeedColumn(TextColumn):
        """Tasks per second."""

        def render(self, task: Task) -> Text:
            """Return the speed as text."""
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f} tasks/s", style="progress.data.speed")

    console = console or Console(stderr=True)
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        SpeedColumn(""),
        TimeElapsedColumn(),
        TextColumn("{task.fields[failed]}"),
        console=console,
    )
    task = bar.add_task(description, total=None, failed="")
    if console.is_jupyter:
        with NotebookDisplay(bar) as display:
            yield Progress(bar, task, display.refresh)
    else:
        with bar:
            yield Progress(bar, task)
