"""Processes that handlers fork, and that come back to the worker's loop."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from htcgrid import Grid
from htcgrid_agent.runtimes.python.forked import OwnProcess
from tests.agent import leaving
from tests.agent.leaving import outcomes

#: The parent returns how its child ended, and what that wrote to descriptors that it redirected.
FORK = """
reading, writing = os.pipe()
if (child := os.fork()) == 0:
    os.dup2(writing, 1)
    os.dup2(writing, 2)
{code}
else:
    os.close(writing)
    said = os.fdopen(reading).read()
    result = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said]
"""
#: What the child does, its status, and the end of what it prints.
CHILDREN = {
    "returns": ("result = 'child'", 0, ""),
    "returns what cannot be encoded": ("result = object()", 0, ""),
    "prints and returns": ("print('child')", 0, "child\n"),
    "exits": ("sys.exit()", 0, ""),
    "exits with a status": ("sys.exit(3)", 3, ""),
    "exits with a negative status": ("sys.exit(-1)", 255, ""),
    "exits with words": ("sys.exit('words')", 1, "words\n"),
    "exits at once": ("os._exit(5)", 5, ""),
    "exits with no stream": ("sys.stdout = sys.stderr = None; sys.exit(4)", 4, ""),
    "raises": ("raise ValueError('oops')", 1, "ValueError: oops\n"),
    "raises from another": ("raise ValueError('oops') from KeyError('one')", 1, "ValueError: oops\n"),
    "raises what is no Exception": ("raise GeneratorExit", 1, "GeneratorExit\n"),
    "raises what shows itself otherwise": ("sys.excepthook = lambda *_: print('mine'); 1 / 0", 1, "mine\n"),
    "raises what cannot be shown": ("sys.excepthook = None; 1 / 0", 1, ""),
    "is interrupted": ("raise KeyboardInterrupt", -2, "KeyboardInterrupt\n"),
    "has no memory": ("raise MemoryError", 1, "MemoryError\n"),
    "has patched what ends it": ("os._exit = os.getpid = None; sys.exit(6)", 6, ""),
    "has a child": ("os.fork() or sys.exit(7); sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))", 7, ""),
    "holds text back": ("sys.stdout.reconfigure(line_buffering=False, write_through=False); print('x')", 0, "x\n"),
    "is a program": ("os.execvp('echo', ['echo', 'hi'])", 0, "hi\n"),
}


@pytest.mark.parametrize("name", CHILDREN)
def test_a_child_ends_as_python_would_have_ended_it_and_the_outcome_is_the_parent_s(lone: Grid, name: str) -> None:
    code, status, said = CHILDREN[name]
    first, second = outcomes(lone, leaving.do, FORK.format(code="    " + code), "result = 'next'")
    assert first.error is None
    assert first.value[0] == status
    assert first.value[1].endswith(said) if said else not first.value[1].startswith("Traceback")
    assert (first.stdout, second.value) == ("", "next")


def test_a_child_s_traceback_begins_at_the_handler(lone: Grid) -> None:
    [outcome] = outcomes(lone, leaving.do, FORK.format(code="    1 / 0"))
    lines = outcome.value[1].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith("in do")


def test_what_a_child_prints_is_not_its_parent_s(lone: Grid) -> None:
    code = "print('parent')\nif pid := os.fork():\n    os.waitpid(pid, 0)\nprint('end')"
    [outcome] = outcomes(lone, leaving.do, code)
    assert (outcome.error, outcome.stdout) == (None, "parent\nend\n")


def test_a_child_that_python_does_not_know_of_ends_too(lone: Grid) -> None:
    code = "import ctypes\nif pid := ctypes.CDLL(None).fork():\n    result = os.waitpid(pid, 0)[1]"
    values = [outcome.value for outcome in outcomes(lone, leaving.do, *[code, "result = os.getpid()"] * 4)]
    assert values[::2] == [0] * 4
    assert len(set(values[1::2])) == 1


def test_a_process_without_such_a_page_knows_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    # Of that module alone: what keeps the grid's agent asks for it, too, and would take its processes for others.
    monkeypatch.setattr("htcgrid_agent.runtimes.python.forked.sys", SimpleNamespace(platform="darwin"))
    mark = OwnProcess().mark
    assert mark[0]
    if (pid := os.fork()) == 0:
        os._exit(bool(mark[0]))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_grid_of_one_worker_stays_one_when_handlers_fork_and_do_not_wait(lone: Grid) -> None:
    pids = {outcome.value for outcome in outcomes(lone, leaving.do, *["os.fork(); result = os.getpid()"] * 20)}
    assert len(pids) == 1


@pytest.mark.parametrize("place", ["import", "setup"])
@pytest.mark.parametrize("end", ["pass", "raise SystemExit(1)", "raise ValueError"])
def test_a_child_that_an_import_or_a_setup_forks_runs_no_task(lone: Grid, tmp_path: Path, place: str, end: str) -> None:
    wait = "STATUS.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    fork = f"pid = os.fork()\n    if pid == 0:\n        {end}\n    else:\n        {wait}"
    code = f"import os\nSTATUS = []\ndef {'setup' if place == 'setup' else 'begin'}():\n    {fork}\n"
    code += "begin()\n" if place == "import" else ""
    (tmp_path / "forks.py").write_text(f"{code}def status(event):\n    return [*STATUS, os.getpid()]\n")
    ended = outcomes(lone, f"{tmp_path}/forks.py:status", 1, 2)
    assert [outcome.error for outcome in ended] == [None, None]
    [status, pid], other = (outcome.value for outcome in ended)
    assert (status, other) == (int(end != "pass"), [status, pid])
