"""What was submitted is done before the interpreter ends, as with CPython's own executors.

The first three are those of CPython's ExecutorShutdownTest that test_cpython_executor.py leaves out, for a grid.
"""

import subprocess
import sys
from pathlib import Path

import pytest

#: A task prints in its worker; so it is the client that prints here, when a future is done.
SCRIPT = """
import atexit
import sys
import time
from htcgrid import Grid


def sleep_and_say(seconds, word):
    time.sleep(seconds)
    return word


def say(future):
    print(future.result() if not future.cancelled() else "cancelled")


if __name__ == "__main__":
    grid = Grid.open(folder=sys.argv[1], workers=2)
    t = grid.executor({arguments})
{lines}
"""


def ran(folder: Path, lines: str, arguments: str = "codec='pickle'") -> "subprocess.CompletedProcess[str]":
    """Run a script with these lines at its end."""
    script = folder / "script.py"
    indented = "\n".join(f"    {line}" for line in lines.strip().splitlines())
    script.write_text(SCRIPT.format(arguments=arguments, lines=indented))
    return subprocess.run(
        [sys.executable, str(script), str(folder / "grid")], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("arguments", ["codec='pickle'", "", "max_workers=1"])
def test_interpreter_shutdown(tmp_path: Path, arguments: str) -> None:
    lines = """
for number in range(3):
    t.submit(sleep_and_say, 0.1, f"apple {number}").add_done_callback(say)
"""
    ended = ran(tmp_path, lines, arguments)
    assert ended.stderr == ""
    assert sorted(ended.stdout.split("\n")) == ["", "apple 0", "apple 1", "apple 2"]


@pytest.mark.parametrize("before", ["t.submit(id, 42).result()", "pass"])
def test_submit_after_interpreter_shutdown(tmp_path: Path, before: str) -> None:
    lines = f"""
@atexit.register
def run_last():
    try:
        t.submit(id, None)
    except RuntimeError:
        print("runtime-error")
        raise
{before}
"""
    ended = ran(tmp_path, lines)
    assert "RuntimeError: cannot schedule new futures after interpreter shutdown" in ended.stderr
    assert ended.stdout == "runtime-error\n"


def test_hang_gh83386(tmp_path: Path) -> None:
    lines = """
t.submit(sleep_and_say, 0.3, "apple").add_done_callback(say)
t.shutdown(wait=False)
"""
    ended = ran(tmp_path, lines)
    assert ended.stderr == ""
    assert ended.stdout == "apple\n"


def test_cancel_futures_wait_false(tmp_path: Path) -> None:
    lines = """
for word in ("apple", "pear"):
    t.submit(sleep_and_say, 0.3, word).add_done_callback(say)
t.shutdown(wait=False, cancel_futures=True)
"""
    ended = ran(tmp_path, lines, "max_workers=1")
    assert ended.stderr == ""
    assert ended.stdout == "cancelled\napple\n"


def test_an_executor_that_nobody_holds_has_its_calls_done(tmp_path: Path) -> None:
    lines = """
t.submit(sleep_and_say, 0.3, "apple").add_done_callback(say)
del t
"""
    ended = ran(tmp_path, lines)
    assert ended.stderr == ""
    assert ended.stdout == "apple\n"


def test_a_script_that_fails_ends_all_the_same(tmp_path: Path) -> None:
    lines = """
t.submit(sleep_and_say, 0.1, "apple").add_done_callback(say)
raise KeyError("of the script")
"""
    ended = ran(tmp_path, lines)
    assert ended.stderr.endswith("KeyError: 'of the script'\n")
    assert ended.stdout == "apple\n"
