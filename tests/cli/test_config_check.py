"""htcgrid config check: what a grid.toml comes to, and all that is wrong with it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Ended

LOCAL = '[state]\nprovider = "local"\npath = "state"\n'


@pytest.fixture
def check(htcgrid: Command, folder: Path) -> Any:
    """Check a grid.toml with this text."""

    def run(text: str, *words: str) -> Ended:
        (folder / "grid.toml").write_text(text)
        return htcgrid("config", "check", *words)

    return run


def problems(shown: Ended) -> list[str]:
    return [line.removeprefix("htcgrid: ") for line in shown.err.splitlines()]


def test_a_file_that_is_right_is_shown_with_what_it_leaves_out(check: Any) -> None:
    shown = check(LOCAL + '[agent]\nhandlers = ["work:*"]\nlease = 60\n')
    assert (shown.status, shown.err) == (0, "")
    assert '[state]  local of htcgrid\n  path = "state"\n  patience = 10.0  (default)\n' in shown.out
    assert "[queue]  left out, so as [state]: local of htcgrid\n" in shown.out
    assert '[agent]\n  handlers = ["work:*"]\n  lease = 60\n' in shown.out
    assert "  flush = none  (default)\n" in shown.out
    assert "  environment = {}  (default)\n" in shown.out


def test_programs_get_one_object(check: Any, folder: Path) -> None:
    shown = check(LOCAL, "--json")
    found = json.loads(shown.out)
    assert (shown.status, found["file"], found["problems"]) == (0, "grid.toml", [])
    assert list(found["tables"]) == ["state", "queue", "payloads", "compute", "agent"]
    assert found["tables"]["state"] == {
        "provider": "local",
        "distribution": "htcgrid",
        "left_out": False,
        "settings": {"path": "state"},
        "defaults": {"patience": 10.0, "workers": None, "lifeline": False, "grace": 25.0, "mode": "private"},
    }
    assert found["tables"]["queue"]["left_out"]


def test_no_service_is_touched(check: Any, folder: Path) -> None:
    check(LOCAL)
    assert not (folder / "state").exists()


def test_every_problem_is_told_by_file_table_and_key(check: Any, folder: Path) -> None:
    text = """
    [state]
    provider = "local"
    path = { env = "NO_SUCH" }
    pth = 1
    patience = "long"
    [queue]
    provider = "nope"
    [payloads]
    [compute]
    provider = "local"
    [stat]
    [agent]
    workers = "two"
    lease = true
    """
    shown = check(text)
    assert shown.status == 2
    file = folder / "grid.toml"
    told = problems(shown)
    starts = [
        f"{file}: [payloads]: the key 'provider' is missing or no string",
        f"{file}: unknown table [stat]; there are [state], [queue], ",
        f"{file}: [state]: 'path': the environment variable 'NO_SUCH' is not set",
        f"{file}: [state]: unknown key 'pth'; it may have grace, lifeline, mode, path, ",
        f"{file}: [state]: Expected `float`, got `str` - key `patience`",
        f"{file}: [queue]: there is no provider 'nope'; installed: 'local', 'redis', 'redis-cache'; ",
        f"{file}: [compute]: missing key `path`",
        f"{file}: [agent]: Expected `int | null`, got `str` - key `workers`",
        f"{file}: [agent]: Expected `float`, got `bool` - key `lease`",
    ]
    assert [message[: len(start)] for message, start in zip(told, starts, strict=True)] == starts
    found = json.loads(check(text, "--json").out)["problems"]
    assert [problem["message"] for problem in found] == told
    assert [(problem["table"], problem["key"]) for problem in found][3:5] == [("state", "pth"), ("state", "patience")]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "the table [state] is missing; the smallest grid is [state] with "),
        ("state = 1", "'state' must be a table, [state]"),
        (LOCAL + "patience = 0", "[state]: `patience` must be more than 0"),
        (LOCAL + "[agent]\nlease = 1", "[agent]: `heartbeat` (5.0 s) must be at most half of `lease` (1.0 s)"),
    ],
)
def test_what_is_wrong_as_a_whole_is_told_too(check: Any, text: str, error: str) -> None:
    shown = check(text)
    assert shown.status == 2
    assert error in problems(shown)[0]


def test_a_value_from_the_environment_is_shown_to_nobody(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRID_FOLDER", "hush-hush")
    for words in ([], ["--json"]):
        shown = check('[state]\nprovider = "local"\npath = { env = "GRID_FOLDER" }\n', *words)
        assert shown.status == 0
        assert "GRID_FOLDER" in shown.out
        assert "hush-hush" not in shown.out


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("hush hush", "pool` '$POOL' is not usable: 1 to 80 letters, "),
        ("hush\\'hush", 'pool` "$POOL" is not usable: 1 to 80 letters, '),
        (" u", "refused, and the reason is not shown, since it holds the value of $POOL"),
    ],
)
def test_a_reason_does_not_show_a_value_from_the_environment(
    check: Any, monkeypatch: pytest.MonkeyPatch, value: str, reason: str
) -> None:
    monkeypatch.setenv("POOL", value)
    shown = check(LOCAL + '[agent]\npool = { env = "POOL" }\n')
    assert shown.status == 2
    assert "hush" not in shown.err + shown.out
    assert reason in problems(shown)[0]


def test_a_variable_of_the_workers_is_shown_as_it_is_named(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "hush-hush")
    text = LOCAL + '[agent]\nenvironment = { KEY = { env = "TOKEN" }, LEVEL = "3" }\n'
    assert '  environment = { KEY = { env = "TOKEN" }, LEVEL = "3" }\n' in check(text).out
    assert "hush" not in check(text, "--json").out


def test_a_variable_that_only_agents_need_is_told_and_is_no_failure(htcgrid: Command, folder: Path) -> None:
    (folder / "grid.toml").write_text(LOCAL + '[agent]\nenvironment = { KEY = { env = "NO_SUCH" } }\n')
    shown = htcgrid("config", "check")
    message = f"{folder / 'grid.toml'}: [agent]: 'environment': the variable 'NO_SUCH' for KEY is not set here"
    assert (shown.status, shown.err) == (0, f"htcgrid: {message}; agents need it\n")
    assert f"WARN  config: {message}; agents need it\n" in htcgrid("doctor").out


def test_a_provider_that_is_not_there_is_told_once(check: Any) -> None:
    shown = check('[state]\nprovider = "nope"\n')
    assert len(problems(shown)) == 1
    assert "[compute]  left out, so as [state]: nope\n" in shown.out


def test_a_password_in_a_url_is_not_shown(check: Any) -> None:
    for words in ([], ["--json"]):
        shown = check('[state]\nprovider = "local"\npath = "redis://me:hush@host/1"\n', *words)
        assert "hush" not in shown.out
        assert "redis://me:…@host/1" in shown.out


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"[state\n", "grid.toml: is not TOML: Expected ']' at the end of a table declaration (at line 1, column 7)"),
        (b"\xff", "grid.toml: is not TOML: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_what_is_no_toml_is_told(htcgrid: Command, folder: Path, data: bytes, error: str) -> None:
    (folder / "grid.toml").write_bytes(data)
    assert htcgrid("config", "check").error == error
    assert htcgrid("doctor").error == error


def test_a_provider_that_offers_too_little_is_told(check: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = folder / "small-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: small\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[htcgrid]\nsmall = small_provider\n")
    (folder / "small_provider.py").write_text(
        "from htcgrid.plugins import Provider, hookimpl\n"
        "from htcgrid.local.state import SqliteStateStore\n"
        "@hookimpl\n"
        "def htcgrid_provider():\n"
        "    return Provider(name='small', state_store=SqliteStateStore)\n"
    )
    monkeypatch.syspath_prepend(folder)
    shown = check(LOCAL.replace("local", "small"))
    assert [message.partition(": [")[2] for message in problems(shown)] == [
        "queue]: provider 'small' offers no TaskQueue, only state: name another provider in [queue]",
        "payloads]: provider 'small' offers no PayloadStore, only state: name another provider in [payloads]",
    ]
    assert "[compute]  left out, and the provider of [state] has none: agents are started by hand\n" in shown.out


def test_without_a_file_it_is_told_how_to_name_one(htcgrid: Command) -> None:
    for words in (["config", "check"], ["doctor"]):
        assert htcgrid(*words).error.startswith("no grid: name its file with --config, ")
        assert htcgrid(*words, "--config", "no.toml").error == "no.toml: cannot be read: No such file or directory"
