"""Sessions that are watched, in a terminal."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from htcgrid.cli.changes import reason_of, speed_of
from htcgrid.cli.listing import state_of
from htcgrid.cli.watched import Glance
from htcgrid.plain_text import plain

#: Lines of failures below the sessions.
_FAILURES = 5


@contextmanager
def live_view(screen: Console) -> Iterator[Callable[[Sequence[Glance], bool], None]]:
    """A view that changes in its place; what was shown last stays when the block ends."""
    with Live(console=screen, auto_refresh=False) as live:

        def show(glances: Sequence[Glance], _last: bool) -> None:
            live.update(view(glances), refresh=True)

        yield show


def view(glances: Sequence[Glance]) -> RenderableType:
    """Return three lines for each session, and below them the newest failures; nothing is wider than the screen."""
    lines: list[RenderableType] = []
    for glance in glances:
        lines += [_title(glance), _bar(glance), _counts(glance)]
    failures = [(glance, task) for glance in glances for task in glance.failures][:_FAILURES]
    for glance, task in failures:
        where = f"{glance.status.session.id} " if len(glances) > 1 else ""
        lines.append(_line(f"  {where}{reason_of(task)}", "red"))
    return Group(*lines)


def _title(glance: Glance) -> Text:
    session = glance.status.session
    return _line(f"{session.id}  {state_of(glance.status)}  {session.handler.rpartition('/')[2]}", "bold")


def _bar(glance: Glance) -> Table:
    status = glance.status
    share = status.ended / status.total if status.total else float(status.finished)
    row = Table.grid(expand=True, padding=(0, 1))
    row.add_column(ratio=1)
    row.add_column(justify="right", no_wrap=True)
    # Rounded down: what has not ended is not shown as if it had.
    row.add_row(ProgressBar(total=1.0, completed=share), f"{int(share * 100)} %")
    return row


def _counts(glance: Glance) -> Text:
    status = glance.status
    text = Text("  ", no_wrap=True, overflow="ellipsis")
    text.append(f"{status.ended:,} of {status.total:,}")
    if status.failed:
        text.append(f" · {status.failed:,} failed", "red")
    if status.cancelled:
        text.append(f" · {status.cancelled:,} cancelled", "yellow")
    if not status.finished:
        text.append(f" · {status.running:,} running")
    if glance.speed is not None:
        text.append(f" · {speed_of(glance)}", "dim")
    return text


def _line(text: str, style: str) -> Text:
    return Text(plain(text), style=style, no_wrap=True, overflow="ellipsis")
