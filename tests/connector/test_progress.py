"""The progress bar, in a terminal, where its output is piped, and in a notebook."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
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


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockingKernelClient]:
    """A notebook's kernel, whose files are not in anybody's home."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name)))
        manager, client = start_new_kernel(kernel_name="python3")
        try:
            yield client
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def outputs(kernel: BlockingKernelClient, code: str) -> list[dict[str, Any]]:
    """Run a cell; return the messages that its notebook shows."""
    messages = list[dict[str, Any]]()
    reply = kernel.execute_interactive(code, output_hook=messages.append, timeout=60)
    assert reply["content"]["status"] == "ok", reply["content"]
    return messages


def test_a_notebook_shows_one_bar_that_moves(kernel: BlockingKernelClient) -> None:
    messages = outputs(
        kernel,
        "import time\n"
        "from htcgrid import Grid\n"
        "with Grid.open(workers=1) as grid:\n"
        "    session = grid.submit('math:sqrt', list(range(80)) + ['no number'], id='pricing')\n"
        "    status = session.wait(progress=True, timeout=50)\n"
        "status.succeeded, status.failed",
    )
    shown = [one for one in messages if one["msg_type"] in {"display_data", "update_display_data"}]
    assert [one["msg_type"] for one in shown].count("display_data") == 1
    assert len({one["content"]["transient"]["display_id"] for one in shown}) == 1
    last = shown[-1]["content"]["data"]
    for text in (last["text/plain"], last["text/html"]):
        assert "math:sqrt" in text
        assert "81/81" in text
        assert "1 failed" in text
    assert last["text/html"].startswith("<pre")
    assert not [one for one in messages if one["msg_type"] == "stream"]


def test_a_notebook_shows_a_bar_by_itself_once_it_takes_long(kernel: BlockingKernelClient) -> None:
    messages = outputs(
        kernel,
        "from htcgrid import Grid\n"
        "with Grid.open(workers=1) as grid:\n"
        "    quick = grid.submit('math:sqrt', [4]).results(timeout=50, progress=False)\n"
        "    slow = grid.submit('time:sleep', [4, 0]).results(timeout=50)\n"
        "quick, slow\n",
    )
    shown = [one for one in messages if one["msg_type"] in {"display_data", "update_display_data"}]
    assert [one["msg_type"] for one in shown].count("display_data") == 1
    assert "time:sleep" in shown[-1]["content"]["data"]["text/plain"]
    assert "2/2" in shown[-1]["content"]["data"]["text/plain"]
