"""The exit status says what became of a command; scripts rely on it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from htcgrid import errors
from htcgrid.cli.exits import Exit, exit_of
from tests.cli.conftest import PATIENCE, Command, Ended, ended, started

_PROGRAM = str(Path(sys.executable).with_name("htcgrid"))


def test_each_status_has_the_number_that_scripts_know() -> None:
    assert {status.name: int(status) for status in Exit} == {
        "DONE": 0,
        "TASKS_FAILED": 1,
        "WRONG": 2,
        "UNREADABLE": 3,
        "TIME_OUT": 124,
        "INTERRUPTED": 130,
        "UNREAD": 141,
    }


def test_help_tells_the_statuses(htcgrid: Command) -> None:
    told = " ".join(htcgrid("--help").out.partition("Exit: ")[2].split())
    assert [int(part.split()[0]) for part in told.split("; ")] == [int(status) for status in Exit]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.TaskFailedError, 1),
        (errors.TaskCancelledError, 1),
        (errors.ResultTimeoutError, 124),
        (errors.ConfigError, 2),
        (errors.SessionNotFoundError, 2),
        (errors.ThrottledError, 2),
    ],
)
def test_an_error_has_its_status(error: type[errors.HtcGridError], status: int) -> None:
    assert exit_of(error("some reason")) == status


@pytest.mark.parametrize("words", [["--no-such"], ["prize"], ["status", "--config", "."], ["run", "nowhere"]])
def test_words_that_are_not_right_are_2(htcgrid: Command, words: list[str]) -> None:
    assert htcgrid(*words).status == 2


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["status", "--json"],
        ["sessions"],
        ["cancel", "one"],
        ["results", "one"],
        ["explain", "one"],
        ["explain", "one", "0", "--json"],
        ["agents"],
        ["config", "check"],
        ["doctor"],
        ["providers"],
        ["completion", "bash"],
    ],
    ids=" ".join,
)
def test_output_that_nobody_reads_is_141_and_no_noise(htcgrid: Command, grid: Path, words: list[str]) -> None:
    (grid.parent / "tasks.json").write_text("[1]")
    htcgrid("submit", "work:echo", "--id", "one", "--input", "tasks.json")
    htcgrid("cancel", "one")
    with started(*words) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert (process.wait(PATIENCE), process.stderr.read()) == (141, "")


def test_a_stdout_that_is_closed_is_as_one_that_goes_nowhere(grid: Path) -> None:
    for words in (
        "status",
        "agents",
        "doctor",
        "config check",
        "submit work:echo --id mine --input tasks.json",
        "--help",
    ):
        (grid.parent / "tasks.json").write_text("[1]")
        done = subprocess.run(
            ["/bin/sh", "-c", f"exec {_PROGRAM} {words} >&-"], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # No file was opened as stdout, so nothing was printed into it.
    with started("status", "--json") as process:
        assert '"session":"mine"' in ended(process).out


def test_a_command_without_any_stream_does_what_it_is_told(htcgrid: Command, grid: Path) -> None:
    (grid.parent / "tasks.json").write_text("[1]")
    command = f"exec {_PROGRAM} submit work:echo --id mine --input tasks.json <&- >&- 2>&-"
    assert subprocess.run(["/bin/sh", "-c", command], check=False).returncode == 0
    assert '"session":"mine"' in htcgrid("status", "--json").out


def test_a_stdin_that_is_closed_is_as_an_empty_one(grid: Path) -> None:
    command = f"exec {_PROGRAM} submit work:echo <&-"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "htcgrid: <stdin> is not JSON: Input data was truncated\n")


def test_the_name_of_a_file_that_is_no_text_is_shown_all_the_same(grid: Path) -> None:
    name = os.fsdecode(b"gr\xefd.toml")
    with started("status", "--config", name) as process:
        assert ended(process) == Ended(2, "", "htcgrid: gr\\udcefd.toml: cannot be read: No such file or directory\n")
