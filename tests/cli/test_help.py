"""What a new user sees first."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from htcgrid.cli.commands import htcgrid as group
from tests.cli.conftest import Command

#: One screen: lines of 100 columns.
SCREEN = 40
#: What has a way of its own to say things to programs, or says nothing to people.
WITHOUT_JSON = {"agent", "config", "completion", "help", "init"}
COMMANDS = (
    "demo",
    "run",
    "submit",
    "status",
    "watch",
    "results",
    "retry",
    "explain",
    "logs",
    "sessions",
    "cancel",
    "delete",
    "agent",
    "agents",
    "reaper",
    "init",
    "config",
    "doctor",
    "bench",
    "drill",
    "providers",
    "completion",
    "help",
)
#: What takes long to import, and nobody needs to read help.
HEAVY = ("rich", "sqlite3", "QuantLib", "structlog", "htcgrid.connector", "htcgrid.local", "htcgrid_agent")
LOOK = f"""
import sys
from htcgrid.cli import main
try:
    main(sys.argv[1:])
finally:
    print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""


def test_help_lists_every_command_with_what_it_does(htcgrid: Command) -> None:
    shown = htcgrid("--help")
    assert (shown.status, shown.err) == (0, "")
    _usage, _about, *listed, _exits = shown.out.splitlines()
    assert tuple(line[12:].split()[0] for line in listed) == COMMANDS
    assert all(len(line[24:].split()) > 1 for line in listed)


def test_help_fits_into_eighty_columns_and_thirty_lines(htcgrid: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = htcgrid("--help").out.splitlines()
    # One line is for the prompt below it.
    assert len(lines) < 30
    assert max(map(len, lines)) <= 80


def test_help_has_the_commands_in_groups(htcgrid: Command) -> None:
    _usage, _about, *listed, _exits = htcgrid("--help").out.splitlines()
    assert [line[:12].strip() for line in listed if line[:12].strip()] == [
        "tasks",
        "sessions",
        "agents",
        "grid",
        "shell",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(htcgrid: Command, command: str) -> None:
    shown = htcgrid(command, "--help")
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.startswith(f"Usage: htcgrid {command} ")
    assert htcgrid(command, "-h") == shown


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_help_fits_on_a_screen(htcgrid: Command, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = htcgrid(*command, "--help").out.splitlines()
    assert len(lines) <= SCREEN
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_each_option_is_for(command: str) -> None:
    found = group.get_command(click.Context(group), command)
    assert found is not None
    silent = [option.name for option in found.params if isinstance(option, click.Option) and not option.help]
    assert silent == []


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - WITHOUT_JSON))
def test_every_command_that_prints_for_people_prints_json_too(htcgrid: Command, command: str) -> None:
    assert "--json" in htcgrid(command, "--help").out


@pytest.mark.parametrize("words", [["--help"], ["--version"], *([command, "--help"] for command in COMMANDS[1:])])
def test_help_imports_nothing_that_takes_long(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", LOOK, *words], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_that_of_the_package(htcgrid: Command, option: str) -> None:
    from htcgrid import __version__

    assert htcgrid(option).out == f"htcgrid, version {__version__}\n"


@pytest.mark.parametrize("words", [*((name,) for name in COMMANDS), ("config", "check")], ids=" ".join)
def test_help_of_a_command_is_what_its_option_shows(htcgrid: Command, words: tuple[str, ...]) -> None:
    shown = htcgrid("help", *words)
    assert (shown.status, shown.err) == (0, "")
    assert shown.out == htcgrid(*words, "--help").out


def test_help_alone_is_that_of_all(htcgrid: Command) -> None:
    assert htcgrid("help") == htcgrid("--help")


def test_every_command_that_has_a_module_is_listed() -> None:
    import htcgrid.cli

    modules = Path(htcgrid.cli.__file__).parent.glob("*.py")
    with_command = {file.stem for file in modules if "\n@click.command()\n" in file.read_text(encoding="utf-8")}
    assert with_command | {"config"} == set(COMMANDS)


def test_without_a_command_there_is_help_and_an_error(htcgrid: Command) -> None:
    shown = htcgrid()
    assert shown.status == 2
    assert "COMMAND ..." in shown.err


def test_an_unknown_command_is_named(htcgrid: Command) -> None:
    assert htcgrid("prize").usage_error == "No such command 'prize'."


def test_the_command_line_is_also_a_module(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "htcgrid.cli", "providers"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("local ")


def test_providers_shows_where_each_may_stand(htcgrid: Command) -> None:
    shown = htcgrid("providers")
    assert (shown.status, shown.err) == (0, "")
    assert "local  (htcgrid)  [state], [queue], [payloads], [compute]\n" in shown.out


def install_broken_provider(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = folder / "broken-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[htcgrid]\nbroken = no_such_sdk_anywhere\n")
    monkeypatch.syspath_prepend(folder)


def test_providers_shows_one_that_cannot_be_used_beside_the_others(
    htcgrid: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_broken_provider(folder, monkeypatch)
    shown = htcgrid("providers")
    assert shown.status == 0
    broken, local, *_ = shown.out.splitlines()
    assert broken.startswith("broken  (broken)  cannot be used: provider 'broken' of broken cannot be imported: No mod")
    assert local.startswith("local ")


def test_providers_as_json_has_the_tables_and_what_is_wrong(
    htcgrid: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_broken_provider(folder, monkeypatch)
    broken, local, *_ = [json.loads(line) for line in htcgrid("providers", "--json").out.splitlines()]
    assert broken["error"].startswith("provider 'broken' of broken cannot be imported: No mod")
    assert (broken["provider"], broken["tables"]) == ("broken", [])
    assert local == {
        "provider": "local",
        "distribution": "htcgrid",
        "tables": ["state", "queue", "payloads", "compute"],
        "error": None,
    }
