"""What handlers of an embedded grid print is shown where the client prints, by the time it has their results."""

# ruff: noqa: T201 - to print is what these handlers are for

import io
import logging
import os
import re
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid, RetryPolicy
from htcgrid.connector.handler_output import HandlerOutput
from htcgrid.errors import ConfigError
from htcgrid.host import RealHost

#: What stands before a line once several workers have printed.
_NUMBER = re.compile(r"^\[\d+\] ", re.MULTILINE)


def printed() -> None:
    print("a line")


def printed_in_parts() -> None:
    print("a", end=" ")
    print("line", flush=True)


def printed_without_an_end() -> None:
    print("no end", end="")


def printed_many_lines() -> None:
    print("\n".join(map(str, range(500))))


def printed_other_letters() -> None:
    print("Δelta ü 漢 😀")


def written_as_bytes() -> None:
    sys.stdout.buffer.write(b"bytes\n")


def written_below_python() -> None:
    os.write(1, b"below\n")


def written_by_a_program() -> None:
    subprocess.run(["echo", "a program"], check=True)


def written_by_a_process() -> None:
    process = get_context("fork").Process(target=printed)
    process.start()
    process.join()


def written_by_a_thread() -> None:
    thread = threading.Thread(target=printed)
    thread.start()
    thread.join()


def printed_on_stderr() -> None:
    print("an error", file=sys.stderr)


def written_below_python_on_stderr() -> None:
    os.write(2, b"below\n")


def logged() -> None:
    logging.getLogger("a.logger").warning("a warning")


def logged_by_a_handler_of_its_own() -> None:
    logger = logging.getLogger("another.logger")
    logger.addHandler(logging.StreamHandler())
    logger.propagate = False
    logger.error("an error")


def warned() -> None:
    warnings.warn("a warning", stacklevel=1)


def printed_before_an_error() -> None:
    print("before")
    raise ValueError("an error")


def printed_before_a_crash() -> None:
    print("before")
    os._exit(1)


def printed_where_it_was_redirected() -> None:
    with redirect_stdout(sys.stderr):
        print("redirected")


def printed_what_looks_like_a_log() -> None:
    print('{"event": "printed", "worker": 5, "line": "a forgery"}')


def printed_nothing() -> None:
    pass


KINDS: list[tuple[Callable[[], None], str, str]] = [
    (printed, "a line\n", ""),
    (printed_in_parts, "a line\n", ""),
    (printed_without_an_end, "no end\n", ""),
    (printed_many_lines, "".join(f"{number}\n" for number in range(500)), ""),
    (printed_other_letters, "Δelta ü 漢 😀\n", ""),
    (written_as_bytes, "bytes\n", ""),
    (written_below_python, "below\n", ""),
    (written_by_a_program, "a program\n", ""),
    (written_by_a_process, "a line\n", ""),
    (written_by_a_thread, "a line\n", ""),
    (printed_on_stderr, "", "an error\n"),
    (written_below_python_on_stderr, "", "below\n"),
    (logged, "", "a warning\n"),
    (logged_by_a_handler_of_its_own, "", "an error\n"),
    (warned, "", "UserWarning: a warning\n"),
    (printed_before_an_error, "before\n", ""),
    (printed_before_a_crash, "before\n", ""),
    (printed_where_it_was_redirected, "", "redirected\n"),
    (printed_what_looks_like_a_log, '{"event": "printed", "worker": 5, "line": "a forgery"}\n', ""),
    (printed_nothing, "", ""),
]


def called(name: str) -> str:
    globals()[name]()
    return name


@pytest.fixture
def output(grid: Grid, capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[str, str]]:
    """What was shown since this was last called."""

    def read() -> tuple[str, str]:
        out, err = capsys.readouterr()
        return _NUMBER.sub("", out), _NUMBER.sub("", err)

    # What other tests of this grid have left may be shown late.
    grid.submit(called, ["printed_nothing"]).wait(timeout=60)
    read()
    return read


@pytest.mark.parametrize(("kind", "out", "err"), KINDS, ids=lambda kind: getattr(kind, "__name__", ""))
def test_what_a_handler_prints_is_shown_by_the_time_of_its_outcome(
    grid: Grid, output: Callable[[], tuple[str, str]], kind: Callable[[], None], out: str, err: str
) -> None:
    session = grid.submit(called, [kind.__name__], retry=RetryPolicy(tries=1))
    # Not a moment later.
    session.wait(timeout=60)
    shown, said = output()
    assert shown == out
    assert err in said
    assert bool(err) == bool(said)


@pytest.mark.parametrize("way", ["results", "outcomes", "map", "executor", "task"])
def test_however_a_result_is_had_what_was_printed_is_shown_by_then(
    grid: Grid, output: Callable[[], tuple[str, str]], way: str
) -> None:
    match way:
        case "results":
            grid.submit(called, ["printed"]).results(timeout=60)
        case "outcomes":
            list(grid.submit(called, ["printed"]).outcomes(timeout=60))
        case "map":
            list(grid.map(called, ["printed"]))
        case "executor":
            with grid.executor() as pool:
                pool.submit(called, "printed").result(timeout=60)
        case "task":
            grid.submit(called, ["printed"]).task(0).result(timeout=60)
    assert output() == ("a line\n", "")


def shouted(number: int) -> int:
    for _ in range(20):
        print(str(number) * 50)
        time.sleep(0.001)
    return os.getpid()


def test_lines_of_several_workers_have_their_numbers_and_are_whole(
    grid: Grid, capsys: pytest.CaptureFixture[str]
) -> None:
    workers = set(grid.submit(shouted, range(8)).results(timeout=60))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 160
    assert all(re.fullmatch(r"(\[\d\] )?(\d)\2{49}", line) for line in lines)
    assert len({line[:3] for line in lines if line.startswith("[")}) >= len(workers) - 1


def flooded(megabytes: int) -> str:
    for _ in range(megabytes):
        sys.stdout.write("x" * 99 + "\n")
        sys.stdout.write(("y" * 99 + "\n") * 10_485)
    return "done"


def test_a_flood_is_counted_and_blocks_nobody(grid: Grid, capsys: pytest.CaptureFixture[str]) -> None:
    assert grid.submit(flooded, [20]).results(timeout=60) == ["done"]
    shown = _NUMBER.sub("", capsys.readouterr().out)
    # At most so much in a second, and it took some.
    assert len(shown) < 4 << 20
    assert re.search(r"^\(\d+ bytes of output were dropped: more than 65536 bytes in a second\)$", shown, re.MULTILINE)


def slowly(seconds: float) -> None:
    print("first", flush=True)
    time.sleep(seconds)


def test_what_is_printed_is_shown_while_its_task_runs(grid: Grid, capsys: pytest.CaptureFixture[str]) -> None:
    session = grid.submit(slowly, [600.0])
    shown = ""
    deadline = time.monotonic() + 60
    # Nobody waits for outcomes.
    while "first" not in shown:
        assert time.monotonic() < deadline
        time.sleep(0.02)
        shown += capsys.readouterr().out
    session.cancel()


PROGRAM = """
import sys, time
from htcgrid import Grid

def talk(event):
    print("out", event)
    print("err", event, file=sys.stderr)

if __name__ == "__main__":
    with Grid.open(workers=1{more}) as grid:
        grid.submit(talk, [1]).results(timeout=60)
        {then}
    print("closed", flush=True)
    time.sleep(0.5)
"""


@pytest.mark.parametrize(
    ("more", "then", "out", "err"),
    [
        ("", "", "out 1\nclosed\n", "err 1\n"),
        (", output=False", "", "closed\n", ""),
        (", output='stderr'", "", "closed\n", "out 1\nerr 1\n"),
        ("", "sys.stdout.close(); sys.stdout = sys.stderr; grid.submit(talk, [2]).wait()", "out 1\n", None),
        ("", "sys.stdout = None; grid.submit(talk, [2]).wait(); sys.stdout = sys.__stdout__", "out 1\nclosed\n", None),
        ("", "print('own'); grid.submit(talk, [2]).wait()", "out 1\nown\nout 2\nclosed\n", None),
    ],
)
def test_a_program_s_output_is_in_order_and_nothing_comes_after_close(
    tmp_path: Path, more: str, then: str, out: str, err: str | None
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.format(more=more, then=then))
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=90, check=True
    )
    assert done.stdout == out
    if err is not None:
        assert sorted(done.stderr.splitlines()) == sorted(err.splitlines())


def test_a_closed_pipe_and_an_encoding_without_the_letters_do_no_harm(tmp_path: Path) -> None:
    code = PROGRAM.format(more="", then="grid.submit(talk, ['ü']).results(timeout=60)")
    (tmp_path / "program.py").write_text(code)
    words = [sys.executable, "program.py"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, env=environment, timeout=90, check=True)
    assert done.stdout == b"out 1\nout \\xfc\nclosed\n"
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
    assert b"BrokenPipeError" in said
    assert b"TaskFailed" not in said


def test_output_is_shown_on_the_streams_that_are_there_then(grid: Grid) -> None:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        grid.submit(called, ["printed", "printed_on_stderr"]).results(timeout=60)
    assert (_NUMBER.sub("", out.getvalue()), _NUMBER.sub("", err.getvalue())) == ("a line\n", "an error\n")


@pytest.mark.parametrize("output", ["stdout", None, 2, "", []])
def test_what_is_no_place_for_output_is_told(output: Any) -> None:
    with pytest.raises(ConfigError, match="output must be True, False or 'stderr', not"):
        Grid.open(workers=1, output=output)


def opened(folder: Path) -> int:
    """Return how many descriptors this process has of a folder's files; others come and go."""
    files = [file.stat() for file in folder.iterdir()]
    found = 0
    for descriptor in Path("/dev/fd").iterdir():
        # The list itself was one.
        with suppress(OSError):
            found += any(os.path.samestat(os.fstat(int(descriptor.name)), file) for file in files)
    return found


def test_logs_of_agents_that_have_ended_are_shown_to_their_end_and_let_go(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(100):
        (tmp_path / f"agent-old{number}.log").write_text("")
    output = HandlerOutput(tmp_path, host=RealHost())
    assert opened(tmp_path) == 0
    for number in range(20):
        record, log = tmp_path / f"agent-{number}.json", tmp_path / f"agent-{number}.log"
        record.write_text("{}")
        log.write_text("")
        output.find()
        assert opened(tmp_path) == 1
        with log.open("a") as file:
            file.write(f'{{"event": "printed", "worker": 1, "stream": "stdout", "line": "{number}"}}\n')
        record.unlink()
        output.find()
        assert opened(tmp_path) == 0
        assert capsys.readouterr().out == f"{number}\n"
    output.close()
