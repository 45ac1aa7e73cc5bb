"""A test that leaves something behind fails by its own name."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.left import awaited, held

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def child(stack: ExitStack, folder: Path) -> None:
    process = stack.enter_context(subprocess.Popen(SLEEP))
    stack.callback(process.kill)


def unreaped(stack: ExitStack, folder: Path) -> None:
    process = stack.enter_context(subprocess.Popen(SLEEP))
    process.kill()


def grandchild(stack: ExitStack, folder: Path) -> None:
    # Whoever started it has ended, and it stands in the test's folder.
    quiet = "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL"
    code = f"import subprocess; print(subprocess.Popen({SLEEP!r}, {quiet}).pid)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE, check=True)
    stack.callback(os.kill, int(ran.stdout), 9)


def thread(stack: ExitStack, folder: Path) -> None:
    end = threading.Event()
    started = threading.Thread(target=end.wait)
    started.start()
    stack.callback(started.join)
    stack.callback(end.set)


def pipe(stack: ExitStack, folder: Path) -> None:
    for descriptor in os.pipe():
        stack.callback(os.close, descriptor)


def file(stack: ExitStack, folder: Path) -> None:
    stack.enter_context((folder / "open").open("w"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds")
@pytest.mark.parametrize(
    ("leave", "kind"),
    [
        (child, "process"),
        (unreaped, "process"),
        (grandchild, "process"),
        (thread, "thread"),
        (pipe, "descriptor"),
        (file, "descriptor"),
    ],
)
def test_what_a_test_leaves_is_found_until_it_is_gone(
    tmp_path: Path, leave: Callable[[ExitStack, Path], Any], kind: str
) -> None:
    before = held(tmp_path)
    with ExitStack() as stack:
        leave(stack, tmp_path)
        left = held(tmp_path).keys() - before.keys()
        assert left
        assert {name.split()[0] for name in left} == {kind}
    assert awaited(lambda: sorted(held(tmp_path).keys() - before.keys())) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds")
def test_what_multiprocessing_keeps_is_not_left_behind() -> None:
    code = (
        "from multiprocessing import resource_tracker; from tests.left import awaited, held; "
        "before = held(None).keys(); "
        # Nobody knows it before it runs its program.
        "resource_tracker.ensure_running(); assert not awaited(lambda: list(held(None).keys() - before), 30)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
