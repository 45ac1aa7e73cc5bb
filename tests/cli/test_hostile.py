"""Whatever tasks, reports, stores and other users say, a terminal shows it and takes no orders from it."""

import ast
import json
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from htcgrid import Grid, RetryPolicy, cli
from htcgrid.cli.commands import GROUPS
from htcgrid.config import read_config
from htcgrid.model import AgentId, AgentReport, SessionId
from htcgrid.model.table import table
from htcgrid.testing.samples import bundle_of, session_of
from tests.cli.conftest import PATIENCE, ended, started, write_grid
from tests.cli.terminal import Terminal

ONCE = RetryPolicy(tries=1)
#: Clears the screen, sets title and clipboard, colours, moves, goes back in the line, turns it round, begins new ones.
_ORDERS = (
    "\x1b[2J\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\x1b[31;7;9m\x1b[12;34H\x9b31m\x90q\x9c\x85\u202e\u2066\u200f\u2028"
    "\rFORGED\nFORGED [red]row[/] <script>alert(1)</script>\x00\x08\x7f"
)
_HOSTILE = f"a{_ORDERS}z"
#: What our own styles and live views write; a hostile text's orders are others.
_OWN = re.compile(r"\x1b\[(?:0|1|2|3[0-7]|9[0-7]|1;3[0-7]|39|22)?m|\x1b\[\?25[lh]|\x1b\[1A|\x1b\[2K|\r\n|\r")
_OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_WORK = f"""
import sys

HOSTILE = {_HOSTILE!r}

def attack(event):
    print(HOSTILE)
    print(HOSTILE, file=sys.stderr)
    if event == "fail":
        raise type(HOSTILE.replace("\\0", ""), (Exception,), {{}})(HOSTILE)
    return {{HOSTILE: HOSTILE}}
"""
_CLIENT = f"""
HOSTILE = {_HOSTILE!r}

def split(document):
    return [HOSTILE, "fail"]

def merge(document, results):
    return {{HOSTILE: [HOSTILE]}}
"""


class _Hostile(NamedTuple):
    """A folder with a grid that is full of hostile text."""

    folder: Path
    #: A session whose tasks an agent has run; and two with hostile names, which one has refused, and which wait.
    session: SessionId
    refused: SessionId
    waiting: SessionId
    #: What the agent wrote to its terminal.
    log: str


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Hostile]:
    folder = tmp_path_factory.mktemp("hostile")
    write_grid(folder)
    (folder / "work.py").write_text(_WORK)
    (folder / "example").mkdir()
    (folder / "example" / "handler.py").write_text(_WORK.replace("def attack(event)", "def handler(event)"))
    (folder / "example" / "client.py").write_text(_CLIENT)
    (folder / "document.json").write_text("[]")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with Grid.open(folder / "grid.toml") as grid, Terminal("agent", "--log", "console", columns=300) as agent:
            session = grid.submit("work:attack", ["fail", 1, "fail"], codec="json", output="all", retry=ONCE)
            list(session.outcomes(timeout=PATIENCE))
            config = read_config(folder / "grid.toml")
            refused = session_of(handler=f"other:{_HOSTILE}", labels={_HOSTILE: _HOSTILE})
            # No agent is of its pool.
            waiting = session_of(handler=f"work:{_HOSTILE}", labels={_HOSTILE: _HOSTILE}, pool="others")
            with closing(config.open_state()) as state:
                # As other users' clients can record it, which check nothing.
                for named in (refused, waiting):
                    state.create(named, [bundle_of(named, 0, 1)], sealed=True)
                state.register(_report())
            list(grid.session(refused.id).outcomes(timeout=PATIENCE))
            agent.process.terminate()
            assert agent.ended() == 0
            yield _Hostile(folder, session.id, refused.id, waiting.id, agent.raw)


def _report() -> AgentReport:
    return AgentReport(
        id=AgentId(f"agent{_HOSTILE}"),
        host=_HOSTILE,
        version=_HOSTILE,
        python=_HOSTILE,
        started=datetime.now(UTC),
        workers=1,
        handlers=(_HOSTILE,),
        code={"work:attack": _HOSTILE},
        edited=(_HOSTILE,),
    )


#: The words of each command that shows what others have said; {s}, {r} and {w} are the sessions.
SHOWING = {
    "status": ["status", "status {s} {r} {w}", "status nobody"],
    "watch": ["watch {s}", "watch {w} --timeout 0.5"],
    "results": ["results {s}", "results {s} --values", "results {s} --failed", "results {w} --progress --timeout 1"],
    "explain": ["explain {s}", "explain {s} 0", "explain {r}", "explain {w}"],
    "logs": ["logs {s}", "logs {s} 1", "logs {r}"],
    "sessions": ["sessions"],
    "agents": ["agents", "agents --all"],
    "doctor": ["doctor"],
    "config": ["config check"],
    "run": ["run example document.json"],
    "retry": ["retry {s}"],
    "submit": ["submit work:attack --input document.json"],
    "cancel": ["cancel {w}"],
    "delete": ["delete {r}"],
}
#: Commands whose output is their own words and numbers, or that is looked at by tests of their own below.
_OTHERS = {"demo", "bench", "drill", "providers", "init", "help", "completion", "agent", "reaper"}
_NARROW = ["status", "agents", "sessions", "watch {s}"]


def test_every_command_is_looked_at() -> None:
    commands = {name for group in GROUPS.values() for name in group}
    assert commands == SHOWING.keys() | _OTHERS


def _check(raw: str, *, lines: bool = True) -> None:
    """Hold that nothing is left that is obeyed, and no line that is not ours; ``lines`` may be a handler's own."""
    left = _OWN.sub("\n", raw)
    assert not _OBEYED.search(left), (_OBEYED.search(left), raw)
    assert not lines or not [line for line in left.split("\n") if line.startswith("FORGED")], raw


@pytest.mark.parametrize(
    ("words", "columns"),
    [(words, 200) for commands in SHOWING.values() for words in commands] + [(words, 60) for words in _NARROW],
)
def test_a_terminal_shows_it_and_obeys_nothing(
    hostile: _Hostile, monkeypatch: pytest.MonkeyPatch, words: str, columns: int
) -> None:
    monkeypatch.chdir(hostile.folder)
    monkeypatch.delenv("NO_COLOR", raising=False)
    with Terminal(*_words(hostile, words), columns=columns, lines=50) as terminal:
        assert terminal.ended() in {0, 1, 2, 124}
        assert terminal.raw.strip()
        _check(terminal.raw)


def test_an_agent_s_log_in_a_terminal_is_plain(hostile: _Hostile) -> None:
    assert "FORGED" in hostile.log, "it has told of the tasks"
    _check(hostile.log)


@pytest.mark.parametrize("words", [words for commands in SHOWING.values() for words in commands])
def test_a_file_gets_nothing_that_a_terminal_would_obey_when_it_is_shown_there(
    hostile: _Hostile, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.chdir(hostile.folder)
    found = ended(started(*_words(hostile, words)))
    assert found.status in {0, 1, 2, 124}
    _check(found.out)
    _check(found.err)


#: Those whose objects have text of others.
_TELLING = {
    "status --json",
    "sessions --json",
    "agents --json",
    "results {s}",
    "logs {s} --json",
    "watch {s} --json",
    "explain {s} 0 --json",
}


@pytest.mark.parametrize(
    "words",
    sorted(
        _TELLING
        | {
            "explain {r} --json",
            "explain {w} --json",
            "run example document.json --json",
            "doctor --json",
            "config check --json",
            "submit work:attack --input document.json --json",
            "retry {s} --json",
            "cancel {w} --json",
            "delete {r} --json",
        }
    ),
)
def test_json_has_it_escaped_and_says_the_same(hostile: _Hostile, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.chdir(hostile.folder)
    found = ended(started(*_words(hostile, words)))
    assert not _OBEYED.search(found.out), found
    _check(found.err)
    lines = [json.loads(line) for line in found.out.split("\n") if line]
    if words in _TELLING:
        assert any(_ORDERS in text for line in lines for text in _texts(line)), found


def _words(hostile: _Hostile, words: str) -> list[str]:
    return words.format(s=hostile.session, r=hostile.refused, w=hostile.waiting).split()


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _texts(list(pair))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


@pytest.mark.parametrize("words", ["htcgrid status ", "htcgrid logs --agent "])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_no_name_that_cannot_be_shown(
    hostile: _Hostile, monkeypatch: pytest.MonkeyPatch, words: str, shell: str
) -> None:
    monkeypatch.chdir(hostile.folder)
    monkeypatch.setenv("_HTCGRID_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())) if shell != "fish" else "")
    found = ended(started())
    # Fish has a tab before what a word is about.
    _check(found.out.replace("\t", " ") if shell == "fish" else found.out)
    if "status" in words:
        assert hostile.session in found.out


def test_a_notebook_s_html_is_plain() -> None:
    shown = table(_HOSTILE, {_HOSTILE: _HOSTILE, "value": {_HOSTILE: [_HOSTILE]}})
    assert not _OBEYED.search(shown)
    assert "\n" not in shown
    assert "<script>" not in shown


def test_what_handlers_print_reaches_the_client_s_terminal_plain(hostile: _Hostile, folder: Path) -> None:
    script = folder / "script.py"
    script.write_text(
        f"from htcgrid import Grid\nfrom pathlib import Path\nimport sys\nsys.path.insert(0, {str(hostile.folder)!r})\n"
        "import work\n"
        "if __name__ == '__main__':\n"
        "    with Grid.open(workers=2) as grid:\n"
        "        grid.submit(work.attack, [1, 2]).wait(timeout=60)\n"
        "    print('DONE')\n"
    )
    with Terminal(str(script), program=Path(sys.executable)) as terminal:
        assert terminal.ended() == 0
        assert "DONE" in terminal.raw
        assert "owned" in terminal.raw
        _check(terminal.raw, lines=False)


def test_a_reaper_s_words_are_plain(hostile: _Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(hostile.folder)
    with Terminal("reaper") as terminal:
        terminal.until(lambda: "reaper started" in terminal.raw)
        terminal.process.terminate()
        assert terminal.ended() == 0
        _check(terminal.raw)


@pytest.mark.parametrize(
    "end",
    [
        "session.results(timeout=60)",
        "session.tasks[0].result(timeout=60)",
        "[task.result() for task in session.as_completed(timeout=60)]",
        "raise next(session.outcomes(timeout=60)).exception()",
        "grid.session(hostile)",
        "grid.session('a' + hostile[:1])",
        "grid.submit(hostile, [1])",
        "grid.submit('work:attack', [1], pool=hostile)",
        "grid.submit('work:attack', [1], labels={hostile: 3})",
        "grid.submit('work:attack', [1], codec=hostile)",
    ],
)
def test_an_error_that_a_script_does_not_catch_is_plain(hostile: _Hostile, folder: Path, end: str) -> None:
    script = folder / "script.py"
    script.write_text(
        "from htcgrid import Grid, RetryPolicy\n"
        f"hostile = {_HOSTILE!r}\n"
        f"with Grid.open({str(hostile.folder / 'grid.toml')!r}) as grid:\n"
        f"    session = grid.session({hostile.session!r})\n"
        f"    {end}\n"
    )
    with Terminal(str(script), program=Path(sys.executable), columns=200) as terminal:
        assert terminal.ended() == 1, terminal.raw
        assert "Traceback" in terminal.raw
        # The traceback of the worker is lines of the worker's.
        _check(terminal.raw, lines=False)


@pytest.mark.parametrize(
    "words", ["status", "sessions", "agents", "doctor", "config check", "explain nobody", "watch x"]
)
def test_the_name_of_a_grid_s_folder_is_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    folder = tmp_path / _HOSTILE.replace("\0", "").replace("/", "|")
    folder.mkdir()
    write_grid(folder)
    monkeypatch.chdir(folder)
    for chosen in ([], ["--config", str(folder / "grid.toml")], ["--config", str(folder / "nothing.toml")]):
        with Terminal(*words.split(), *chosen, columns=400) as terminal:
            assert terminal.ended() in {0, 1, 2}, terminal.raw
            _check(terminal.raw)


#: Where commands print what is not shown by the one function, and why that is plain.
_PRINTED = {
    ("init.py", "example"): "a file of our own",
    ("help.py", "found.get_help(context)"): "our own docstrings",
    ("completion.py", "kind(ctx.find_root().command, {}, 'htcgrid', _VARIABLE).source()"): "a script of click's",
    ("changes.py", "self._line(glance, [task for task in glance.failures if task not in told])"): "as_line, as_facts",
}


def test_commands_print_through_one_function() -> None:
    printed = []
    for file in sorted(Path(cli.__path__[0]).glob("*.py")):
        for call in ast.walk(ast.parse(file.read_text())):
            if not isinstance(call, ast.Call):
                continue
            name = ast.unparse(call.func)
            if name == "print" or name.endswith(("echo", "stdout.write", "stderr.write")):
                printed.append((file.name, call.args[0]))
    assert len(printed) >= 10, "the search finds what is printed"
    others = [
        (file, ast.unparse(argument))
        for file, argument in printed
        if file != "say.py"
        and not isinstance(argument, ast.Constant)
        and not (isinstance(argument, ast.Call) and ast.unparse(argument.func) == "encoded_facts")
    ]
    assert set(others) == _PRINTED.keys()
