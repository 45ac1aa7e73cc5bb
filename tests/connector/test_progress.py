"""The progress bar, in a terminal and where its output is piped."""

import io

from rich.console import Console

from htcgrid.connector.progress import progress_bar


def shown(*, terminal: bool) -> str:
    """Return everything that a bar wrote that went from nothing to 60 of 80 tasks, 2 of them failed."""
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    with progress_bar("pricing [curly] things", console) as progress:
        progress.show(ended=0, total=80)
        progress.show(ended=60, total=80, failed=2)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_bar_shows_how_many_tasks_have_ended_and_how_many_failed() -> None:
    text = shown(terminal=True)
    assert "60/80" in text
    assert "75%" in text
    assert "2 failed" in text


def test_a_pipe_gets_the_last_state_in_plain_letters() -> None:
    text = shown(terminal=False)
    assert "\x1b" not in text
    assert text.count("60/80") == 1
    assert len(text.splitlines()) <= 2


def test_a_total_that_is_not_known_yet_is_no_trouble() -> None:
    console = Console(file=io.StringIO(), force_terminal=False, width=120)
    with progress_bar("waiting", console) as progress:
        progress.show(ended=5, total=None)
    assert isinstance(console.file, io.StringIO)
    assert "5/?" in console.file.getvalue()
