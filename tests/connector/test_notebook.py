"""A grid in a notebook: handlers print into the cell that waits, and an interrupt ends that cell alone."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

OPENED = """
import time
from pathlib import Path
from htcgrid import Grid

def talk(number):
    print("priced", number)
    return number

def hang(sign):
    print("ready", flush=True)
    while not Path(sign).exists():
        time.sleep(0.02)

grid = Grid.open(workers=1)
"""
#: What is interrupted while it waits.
WAITS = {
    "results": "grid.submit(hang, [sign]).results()",
    "outcomes": "list(grid.submit(hang, [sign]).outcomes())",
    "wait": "grid.submit(hang, [sign]).wait()",
    "a task": "grid.submit(hang, [sign]).task(0).result()",
    "a future": "grid.executor().submit(hang, sign).result()",
    "map": "list(grid.map(hang, [sign]))",
}


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    """A notebook with a grid, whose files are not in anybody's home."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name)))
        manager, client = start_new_kernel(kernel_name="python3")
        try:
            run(client, OPENED)
            yield manager, client
            run(client, "grid.close()")
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def run(client: BlockingKernelClient, code: str) -> str:
    """Run a cell; return what is printed in it."""
    printed = list[str]()

    def hear(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(code, output_hook=hear, timeout=60)
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(printed)


def interrupted(manager: KernelManager, client: BlockingKernelClient, code: str) -> dict[str, Any]:
    """Run a cell that waits for a task; interrupt it once that has said so; return the error that it shows."""
    # Else the kernel gives up the cells that come soon after it.
    cell = client.execute(code, stop_on_error=False)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        message = client.get_iopub_msg(timeout=60)
        # On a machine that is busy, it may be shown by the grid's own thread, in the cell that has opened the grid.
        if message["msg_type"] == "stream" and "ready" in message["content"]["text"]:
            manager.interrupt_kernel()
        if message["msg_type"] == "error" and message["parent_header"].get("msg_id") == cell:
            content: dict[str, Any] = message["content"]
            client.get_shell_msg(timeout=60)
            return content
    raise AssertionError("the cell has not ended")


def test_what_handlers_print_stands_in_the_cell_that_waits(
    notebook: tuple[KernelManager, BlockingKernelClient],
) -> None:
    _, client = notebook
    # Whoever waits shows it, unless a busy machine keeps that one from looking for more than a second.
    shown = [
        f"priced {number}\n" in run(client, f"assert grid.submit(talk, [{number}]).results() == [{number}]")
        for number in range(5)
    ]
    assert shown.count(True) >= 3


@pytest.mark.parametrize("wait", WAITS)
def test_an_interrupt_ends_the_cell_and_its_grid_goes_on(
    notebook: tuple[KernelManager, BlockingKernelClient], wait: str, tmp_path: Path
) -> None:
    manager, client = notebook
    for number in range(2):
        sign = tmp_path / f"{number}"
        error = interrupted(manager, client, f"sign = {str(sign)!r}\n{WAITS[wait]}")
        assert error["ename"] == "KeyboardInterrupt"
        # Two lines of its own, the cell's, and what stands in Python's own library.
        assert len(error["traceback"]) <= 6
        sign.touch()
    run(client, "assert grid.submit(talk, [3]).results(timeout=60) == [3]")
