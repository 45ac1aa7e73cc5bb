"""Who misspells a name is asked what was meant: commands, options, tables, keys, providers, pools, strikes."""

from pathlib import Path

import pytest

from htcgrid import Grid
from htcgrid.nearest import nearest
from tests.cli.conftest import Command, until

COMMANDS = {
    "sumbit": "submit",
    "submti": "submit",
    "Submit": "submit",
    "result": "results",
    "reslts": "results",
    "statu": "status",
    "stauts": "status",
    "wacth": "watch",
    "agnet": "agent",
    "agent s": "agents",
    "cancle": "cancel",
    "delet": "delete",
    "explian": "explain",
    "retyr": "retry",
    "log": "logs",
    "doctro": "doctor",
    "provider": "providers",
    "reper": "reaper",
    "confg": "config",
    "complete": "completion",
    "hepl": "help",
    "session": "sessions",
}
OPTIONS = [
    (("submit", "m:f"), "--imput", "--input"),
    (("submit", "m:f"), "--prority", "--priority"),
    (("submit", "m:f"), "--lable", "--label"),
    (("results", "s"), "--valeus", "--values"),
    (("results", "s"), "--faild", "--failed"),
    (("agent",), "--worker", "--workers"),
    (("agents",), "--pol", "--pool"),
    (("watch", "s"), "--time-out", "--timeout"),
    (("logs", "s"), "--folow", "--follow"),
    (("sessions",), "--handlers", "--handler"),
    (("drill",), "--minute", "--minutes"),
    (("config", "check"), "--confg", "--config"),
]
#: A grid.toml with a mistake, and what was meant.
FILES = [
    ('[state]\nprovider = "local"\npath = "s"\n[agent]\nworker = 2\n', "'workers'"),
    ('[state]\nprovider = "local"\npath = "s"\n[agent]\nhandler = ["m:*"]\n', "'handlers'"),
    ('[state]\nprovider = "local"\npath = "s"\n[agent]\nheart-beat = 2\n', "'heartbeat'"),
    ('[state]\nprovider = "local"\npath = "s"\n[agent]\nrecycle-tasks = 2\n', "'recycle_tasks'"),
    ('[state]\nprovider = "local"\npath = "s"\n[agent]\npaths = ["."]\n', "'path'"),
    ('[state]\nprovider = "local"\npath = "s"\n[agents]\nworkers = 2\n', "[agent]"),
    ('[state]\nprovider = "local"\npath = "s"\n[payload]\nprovider = "local"\n', "[payloads]"),
    ('[stat]\nprovider = "local"\npath = "s"\n', "[state]"),
    ('[state]\nprovider = "lokal"\npath = "s"\n', "'local'"),
    ('[state]\nprovider = "Redis"\nurl = "redis://here"\n', "'redis'"),
    ('[state]\nprovider = "local"\npaht = "s"\n', "'path'"),
    ('[state]\nprovider = "local"\npath = "s"\npatient = 3\n', "'patience'"),
]
#: Nothing is like these, and so nothing is guessed.
STRANGE = ("prize", "x", "kubernetes", "zzz", "Ωmega", "42")


@pytest.mark.parametrize(("word", "meant"), COMMANDS.items())
def test_a_command_that_is_misspelt_is_asked_about(htcgrid: Command, word: str, meant: str) -> None:
    said = f"No such command {word!r}; did you mean {meant!r}?"
    assert htcgrid(word, "--json").usage_error == said
    assert htcgrid(word, "--help").usage_error == said
    assert htcgrid("help", word).usage_error == said


def test_a_command_of_a_group_is_asked_about(htcgrid: Command) -> None:
    assert htcgrid("config", "chekc").usage_error == "No such command 'chekc'; did you mean 'check'?"
    assert htcgrid("help", "config", "chekc").usage_error == "No such command 'chekc'; did you mean 'check'?"
    assert htcgrid("help", "submit", "it").usage_error == "'htcgrid submit' has no commands, so no 'it'."


@pytest.mark.parametrize(("command", "word", "meant"), OPTIONS)
def test_an_option_that_is_misspelt_is_asked_about(
    htcgrid: Command, command: tuple[str, ...], word: str, meant: str
) -> None:
    error = htcgrid(*command, word, "1").usage_error
    assert word in error
    assert "id you mean" in error
    assert meant in error


@pytest.mark.parametrize(("text", "meant"), FILES)
def test_a_name_in_a_grid_toml_that_is_misspelt_is_asked_about(
    htcgrid: Command, folder: Path, text: str, meant: str
) -> None:
    (folder / "grid.toml").write_text(text)
    assert f"did you mean {meant}?" in htcgrid("status").error
    assert f"did you mean {meant}?" in htcgrid("config", "check").err


def test_a_pool_and_a_strike_that_are_misspelt_are_asked_about(htcgrid: Command, served: Path) -> None:
    until(lambda: "READY" in htcgrid("agents", "--json").out)
    assert htcgrid("agents", "--pool", "defautl").out.endswith("starts one; did you mean 'default'?\n")
    assert htcgrid("drill", "--faults", "agent-kiled").error.endswith("did you mean 'agent-killed'?")
    with Grid.open() as grid:
        session = grid.submit("work:echo", [1], pool="defalt").id
        assert "there are agents of pool default; did you mean 'default'?" in htcgrid("explain", session).out


@pytest.mark.parametrize("word", STRANGE)
def test_of_what_is_like_nothing_nothing_is_guessed(htcgrid: Command, word: str) -> None:
    assert nearest(word, COMMANDS.values()) is None
    assert htcgrid(word).usage_error == f"No such command {word!r}."
