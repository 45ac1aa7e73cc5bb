"""A grid.toml or a state file that is not right gets one clear line: what, where, and what to do."""

import fcntl
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from htcgrid.local.schema import VERSION
from tests.cli.conftest import Command

#: Each command that needs a grid, with the words that it needs.
COMMANDS: list[tuple[str, ...]] = [
    ("submit", "work:echo", "--input", "tasks.json"),
    ("status",),
    ("status", "some-session"),
    ("results", "some-session"),
    ("cancel", "some-session"),
    ("agents",),
    ("explain", "some-session"),
    ("logs", "some-session"),
]
#: Those of them that write.
WRITING = {"submit", "cancel"}
#: Those that stay, and wait for a grid that cannot be reached.
LASTING: list[tuple[str, ...]] = [("agent",), ("reaper",)]


@pytest.fixture(autouse=True)
def _tasks(folder: Path) -> None:
    (folder / "tasks.json").write_text("[1]")


@pytest.mark.parametrize("words", LASTING + COMMANDS, ids=" ".join)
def test_without_a_grid_a_command_says_how_to_name_one(htcgrid: Command, words: tuple[str, ...]) -> None:
    error = "no grid: name its file with --config, set $HTCGRID_CONFIG, or go to a folder with a grid.toml"
    assert htcgrid(*words).error == error


@pytest.mark.parametrize("words", LASTING + COMMANDS, ids=" ".join)
def test_a_file_that_is_missing_is_named(htcgrid: Command, words: tuple[str, ...]) -> None:
    error = "elsewhere/grid.toml: cannot be read: No such file or directory"
    assert htcgrid(*words, "--config", "elsewhere/grid.toml").error == error


def test_a_file_that_is_missing_is_named_by_run_too(htcgrid: Command, folder: Path) -> None:
    (folder / "client.py").write_text("HANDLER = 'work:echo'\nsplit = merge = list\n")
    ended = htcgrid("run", ".", "--input", "tasks.json", "--config", "nowhere.toml")
    assert ended.error == "nowhere.toml: cannot be read: No such file or directory"


def test_the_environment_names_a_file(htcgrid: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTCGRID_CONFIG", "named.toml")
    assert htcgrid("status").error == "named.toml: cannot be read: No such file or directory"


LOCAL = '[state]\nprovider = "local"\npath = "state"\n'


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", '{file}: the table [state] is missing; the smallest grid is [state] with provider = "local"'),
        ("state = 1", "{file}: 'state' must be a table, [state]"),
        ('[stat]\nprovider = "local"', "{file}: unknown table [stat]; there are [state], [queue], [payloads], "),
        ("[state]\npath = 's'", "{file}: [state]: the key 'provider' is missing or no string"),
        ("[state]\nprovider = 1", "{file}: [state]: the key 'provider' is missing or no string"),
        ('[state]\nprovider = "nope"', "{file}: [state]: there is no provider 'nope'; installed: 'local', "),
        ('[state]\nprovider = "local"', "{file}: [state]: missing key `path`"),
        ('[state]\nprovider = "local"\npath = 5', "{file}: [state]: Expected `str`, got `int` - key `path`"),
        (
            LOCAL + "pth = 1",
            "{file}: [state]: unknown key 'pth'; it may have grace, lifeline, mode, ",
        ),
        (LOCAL + "patience = 0", "{file}: [state]: `patience` must be more than 0"),
        (
            '[state]\nprovider = "local"\npath = { env = "NO_SUCH" }',
            "{file}: [state]: 'path': the environment variable",
        ),
        (LOCAL + "[agent]\nworkers = 'two'", "{file}: [agent]: Expected `int | null`, got `str` - key `workers`"),
        (LOCAL + "[agent]\nworker = 2", "{file}: [agent]: unknown key 'worker'; it may have environment, flush, "),
        (LOCAL + "[agent]\nhandlers = '*'", "{file}: [agent]: Expected `array`, got `str` - key `handlers`"),
        (LOCAL + "[agent]\nlease = 1", "{file}: [agent]: `heartbeat` (5.0 s) must be at most half of `lease` (1.0 s)"),
    ],
)
def test_a_file_that_is_not_right_is_told_by_file_table_and_key(
    htcgrid: Command, folder: Path, text: str, error: str
) -> None:
    file = folder / "grid.toml"
    file.write_text(text)
    assert htcgrid("status").error.startswith(error.format(file=file))
    assert htcgrid("agent").error.startswith(error.format(file=file))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"[state\n", "grid.toml: is not TOML: Expected ']' at the end of a table declaration (at line 1, column 7)"),
        (b"\xff\xfe", "grid.toml: is not TOML: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(htcgrid: Command, folder: Path, data: bytes, error: str) -> None:
    (folder / "grid.toml").write_bytes(data)
    assert htcgrid("status").error == error


@contextmanager
def gate_locked(database: Path) -> Iterator[None]:
    """Stand in the way of every other process, as one that is paused in the middle of a write does."""
    with database.with_name("grid.db.lock").open("a") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield


@contextmanager
def tables_locked(database: Path) -> Iterator[None]:
    """Write to the state file as another program might."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@pytest.fixture
def database(htcgrid: Command, folder: Path) -> Path:
    """The state file of a grid whose commands do not wait for long."""
    (folder / "grid.toml").write_text(LOCAL + "patience = 0.2\n[agent]\nhandlers = ['work:*']\n")
    assert htcgrid("status").status == 0
    return folder / "state" / "grid.db"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_state_file_that_another_process_holds_is_told_by_those_that_write(
    htcgrid: Command, database: Path, words: tuple[str, ...]
) -> None:
    with gate_locked(database):
        ended = htcgrid(*words)
    held = f"another process holds the state file beside {database}.lock for more than 0.2 s; try"
    # Whoever reads needs no turn, and answers as always.
    assert ended.err.startswith(f"htcgrid: {held}") is (words[0] in WRITING)


@pytest.mark.parametrize("words", LASTING, ids=" ".join)
def test_an_agent_and_a_reaper_start_while_another_process_holds_the_state_file(
    database: Path, words: tuple[str, ...]
) -> None:
    command = [sys.executable, "-P", "-m", "htcgrid.cli", *words, "--config", str(database.parents[1] / "grid.toml")]
    with gate_locked(database):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        try:
            while "started" not in (said := process.stderr.readline()):
                assert said, "it ended"
            # It goes on, and says so, though nothing can be written.
            time.sleep(1)
            assert process.poll() is None
        except BaseException:
            process.kill()
            process.communicate()
            raise
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_state_file_that_another_program_writes_to_is_told(htcgrid: Command, database: Path) -> None:
    with tables_locked(database):
        error = htcgrid("submit", "work:echo", "--input", "tasks.json").error
    assert error == f"{database}: another process holds the state file; try again (database is locked)"
    assert htcgrid("submit", "work:echo", "--input", "tasks.json").status == 0


@pytest.mark.parametrize("words", LASTING + COMMANDS, ids=" ".join)
def test_a_state_file_of_a_later_version_is_told(htcgrid: Command, database: Path, words: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert htcgrid(*words).error == (
        f"{database} has schema 99, and this htcgrid knows schema {VERSION}: "
        "use the version of htcgrid that wrote it, or name another folder as 'path'"
    )


@pytest.mark.parametrize("words", LASTING + COMMANDS, ids=" ".join)
def test_a_state_file_that_is_no_database_is_told_and_left_alone(
    htcgrid: Command, database: Path, words: tuple[str, ...]
) -> None:
    database.write_text("dear diary, today I made a grid\n" * 50)
    assert htcgrid(*words).error == f"{database} is not the state file of a grid; name another folder as 'path'"
    assert database.read_text().startswith("dear diary")


@pytest.mark.parametrize("words", LASTING + COMMANDS, ids=" ".join)
def test_a_database_of_another_program_is_told_and_left_alone(
    htcgrid: Command, database: Path, words: tuple[str, ...]
) -> None:
    for file in database.parent.glob("grid.db*"):
        file.unlink()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    assert htcgrid(*words).error == f"{database} is an SQLite file of another program; name another folder as 'path'"
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


def test_a_folder_that_is_a_file_is_told(htcgrid: Command, folder: Path) -> None:
    (folder / "grid.toml").write_text(LOCAL)
    (folder / "state").write_text("")
    assert htcgrid("status").error.startswith(f"the grid's folder {folder / 'state'} cannot be made: File exists; name")
