"""A progress bar for people who wait."""

import sys
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

    def __init__(self, bar: "Bar", task: "TaskID", refresh: Callable[[], None], *, moving: bool = True) -> None:
        self._bar = bar
        self._task = task
        self._refresh = refresh
        self._moving = moving

    def show(self, *, ended: int, total: int | None, failed: int = 0) -> None:
        """Bring the bar up to date; one that does not move by itself is drawn by :meth:`refresh`."""
        text = f"[red]{failed} failed" if failed else ""
        self._bar.update(self._task, completed=ended, total=total, failed=text)
        if self._moving:
            self._refresh()

    def refresh(self) -> None:
        """Draw it."""
        self._refresh()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar off the terminal while something else is printed there."""
        live = self._bar.live
        if not live.is_started:
            yield
            return
        stays, live.transient = not live.transient, True
        live.stop()
        try:
            yield
        finally:
            live.transient = not stays
            live.start(refresh=True)


def is_taken() -> bool:
    """Whether something else is drawn on this program's terminal now: rich shows one thing at a time."""
    from rich.file_proxy import FileProxy

    return isinstance(sys.stderr, FileProxy) or isinstance(sys.stdout, FileProxy)


@contextmanager
def progress_bar(
    description: str,
    console: "Console | None" = None,
    *,
    moving: bool = True,
    stays: bool = True,
    elapsed: float = 0.0,
) -> Iterator[Progress]:
    """Show a bar on stderr, in the cell of a notebook, or on ``console``, until the block ends.

    Rich is imported here: it is slow to import, and most sessions are waited for without it.

    Args:
        description: what it is about.
        console: where it is shown.
        moving: whether it is drawn again by a thread of its own.
        stays: whether its last picture is left in the terminal.
        elapsed: the seconds that have passed before.
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
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        SpeedColumn(""),
        TimeElapsedColumn(),
        TextColumn("{task.fields[failed]}"),
        console=console,
        auto_refresh=moving,
        transient=not stays,
        # What goes to a file or a pipe is not for the terminal.
        redirect_stdout=bool(sys.stdout) and sys.stdout.isatty(),
    )
    task = bar.add_task(description, total=None, failed="")
    started = bar.tasks[0].start_time
    if started is not None:
        bar.tasks[0].start_time = started - elapsed
    if console.is_jupyter:
        with NotebookDisplay(bar) as display:
            yield Progress(bar, task, display.refresh)
    else:
        with bar:
            yield Progress(bar, task, (lambda: None) if moving else bar.refresh, moving=moving)
