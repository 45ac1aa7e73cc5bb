"""Whatever a grid.toml, a word, a document or the environment is, a command ends soon, with a line and no traceback."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from htcgrid.cli.commands import htcgrid as commands
from htcgrid.cli.exits import Exit
from tests.cli.conftest import Command, Ended, write_grid

_LOCAL = b'[state]\nprovider = "local"\npath = "state"\n'
_REDIS = b'[state]\nprovider = "redis"\n'
#: Most seconds that a command may take on what is no more than wrong.
_SECONDS = 30


#: What a line begins with that says what is wrong.
_TOLD = ("htcgrid: ", "Error: ", "FAIL  ")


def _of(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _of(found, (*words, name))
    else:
        yield words, command


#: All commands there are, by their words; a new one is among them by itself.
COMMANDS = dict(_of(commands))
_WITH_CONFIG = {
    words: command for words, command in COMMANDS.items() if any(each.name == "config" for each in command.params)
}


def _required(command: click.Command, folder: Path) -> list[str]:
    """Return words without which a command is refused before it looks at anything."""
    words = []
    for each in command.params:
        if isinstance(each, click.Argument) and each.required:
            words.append(str(folder) if isinstance(each.type, click.Path) else "a:b")
        elif each.required:
            words += [each.opts[0], "x"]
    return words


@contextmanager
def _in_time() -> Iterator[None]:
    def late(_signal: int, _frame: object) -> None:
        raise AssertionError("the command does not end")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _clean(shown: Ended, *, wrong: bool = True) -> None:
    """Hold that a command ended as the documentation says, and told what is wrong on a line or so."""
    assert "Traceback" not in shown.out + shown.err, shown
    assert shown.status in ({Exit.WRONG} if wrong else set(Exit) - {Exit.INTERRUPTED}), shown
    if shown.status == Exit.WRONG and wrong:
        # 'doctor' goes on after the first thing that is wrong, and tells it among the others.
        told = [line for line in (shown.out + shown.err).splitlines() if line.startswith(_TOLD)]
        assert told, shown
        assert max(map(len, told)) < 4000, shown
        assert "recursion" not in shown.err, shown


#: Documents that are no configuration of any grid.
_WRONG: dict[str, bytes] = {
    "empty": b"",
    "a byte order mark alone": b"\xef\xbb\xbf",
    "no UTF-8": b"\xff\xfe\x00[state]",
    "UTF-16": _LOCAL.decode().encode("utf-16"),
    "binary": bytes(range(256)) * 20,
    "a surrogate in UTF-8": b'[state]\nprovider = "\xed\xa0\x80"\n',
    "a surrogate by its number": b'[state]\nprovider = "\\ud800"\n',
    "NUL": b"\0" * 1000,
    "100,000 brackets": b"a = " + b"[" * 100_000,
    "100,000 braces": b"a = " + b"{a=" * 100_000,
    "90 brackets": _LOCAL + b"[agent]\nhandlers = " + b"[" * 90 + b"]" * 90,
    "60,000 dots": b"a." * 60_000 + b"a = 1",
    "a header of 60,000 dots": b"[" + b"a." * 60_000 + b"a]",
    "a quoted key of many parts": b'"a".' * 30_000 + b"a = 1",
    "deep in the workers' environment": _LOCAL + b"[agent.environment." + b"a." * 25 + b"a]\na.a.a.a.a.a.a = 1",
    "an integer of 5,000 digits": _LOCAL + b"patience = " + b"9" * 5000,
    "a hexadecimal integer of 50,000 digits": _LOCAL + b"workers = 0x" + b"f" * 50_000,
    "a key of 100,000 letters": b"k" * 100_000 + b" = 1",
    "a key of 100,000 letters in a table": _LOCAL + b"k" * 100_000 + b" = 1",
    "a table of 100,000 letters": b"[" + b"k" * 100_000 + b"]",
    "a table with newlines": b'["a\\nb"]\nc = 1',
    "a key with newlines": _LOCAL + b'"a\\nb.c" = 1',
    "a table with an escape": b'["\\u001b[31m"]',
    "2 MB": b"# " + b"x" * 2_000_000,
    "a table that is a list": b'[[state]]\nprovider = "local"',
    "a table that is a date": b"state = 1979-05-27T07:32:00Z",
    "a provider that is a list": b'[state]\nprovider = ["local"]',
    "a provider that is not there": b'[state]\nprovider = "../../etc"',
    "a provider of 100,000 letters": b'[state]\nprovider = "' + b"p" * 100_000 + b'"',
    "a provider with NUL": b'[state]\nprovider = "a\\u0000b"',
    "a day that there is not": _LOCAL + b"patience = 2026-02-30",
    "1e999": _LOCAL + b"patience = 1e999",
    "nan": _LOCAL + b"patience = nan",
    "-inf": _LOCAL + b"grace = -inf",
    "a date for a path": b'[state]\nprovider = "local"\npath = 1979-05-27',
    "NUL in a path": b'[state]\nprovider = "local"\npath = "a\\u0000b"',
    "nobody's home": b'[state]\nprovider = "local"\npath = "~nobody-at-all/x"',
    "a home of 10,000 letters": b'[state]\nprovider = "local"\npath = "~' + b"x" * 10_000 + b'"',
    "a path of 10,000 letters": b'[state]\nprovider = "local"\npath = "' + b"x" * 10_000 + b'"',
    "a path below a file": b'[state]\nprovider = "local"\npath = "/etc/passwd/x"',
    "a path below a device": b'[state]\nprovider = "local"\npath = "/dev/full/x"',
    "a path in /proc": b'[state]\nprovider = "local"\npath = "/proc/x"',
    "nobody's lease": _LOCAL + b"[agent]\nlease = nan",
    "an agent that is a list": _LOCAL + b"[[agent]]\nlease = 3",
    "a variable with NUL": _LOCAL + b'[agent]\nenvironment = { A = "a\\u0000b" }',
    "a reference to a list": b'[state]\nprovider = "local"\npath = { env = ["A"] }',
    "a reference with NUL": b'[state]\nprovider = "local"\npath = { env = "A\\u0000B" }',
    "a reference to nothing": b'[state]\nprovider = "local"\npath = { env = "" }',
    "a reference of 100,000 letters": b'[state]\nprovider = "local"\npath = { env = "' + b"A" * 100_000 + b'" }',
    "a host of labels that are too long": _REDIS + b'url = "redis://' + b"a" * 64 + b'.com"',
    "a host of dots": _REDIS + b'url = "redis://.."',
    "a host that is no punycode": _REDIS + b'url = "redis://xn--\xc2\x80"',
    "a host with a space": _REDIS + b'url = "redis://a b"',
    "a host with NUL": _REDIS + b'url = "redis://a\\u0000b"',
    "a host that IDNA refuses": _REDIS + 'url = "redis://\u2488com.\u0640"'.encode(),
    "a bracket that stays open": _REDIS + b'url = "redis://[::1"',
    "an address that is none": _REDIS + b'url = "redis://[::zz]"',
    "an address of the future": _REDIS + b'url = "redis://[v1.x]"',
    "a port out of range": _REDIS + b'url = "redis://127.0.0.1:99999"',
    "a port of 5,000 digits": _REDIS + b'url = "redis://127.0.0.1:' + b"1" * 5000 + b'"',
    "a database of 5,000 digits": _REDIS + b'url = "redis://127.0.0.1:1/' + b"1" * 5000 + b'"',
    "a database of other digits": _REDIS + 'url = "redis://127.0.0.1:1/\u0663"'.encode(),
    "a socket with NUL": _REDIS + b'url = "unix:///tmp/a\\u0000b"',
    "a socket of a long name": _REDIS + b'url = "unix:///tmp/' + b"x" * 300 + b'"',
    "a certificate with NUL": _REDIS + b'url = "rediss://127.0.0.1:1"\ntls_ca = "a\\u0000b"',
    "a certificate that is a folder": _REDIS + b'url = "rediss://127.0.0.1:1"\ntls_ca = "/etc"',
    "a certificate that is none": _REDIS + b'url = "rediss://127.0.0.1:1"\ntls_ca = "/etc/passwd"',
    "a client certificate that is none": _REDIS
    + b'url = "rediss://127.0.0.1:1"\ntls_certificate = "/etc/passwd"\ntls_key = "/etc/passwd"',
    "a key without a certificate": _REDIS + b'url = "rediss://127.0.0.1:1"\ntls_key = "/etc/passwd"',
    "a Sentinel that IDNA refuses": _REDIS
    + b'url = "redis://127.0.0.1:1"\nsentinel = "m"\nsentinels = ["'
    + b"a" * 64
    + b'.com:1"]',
    "a cluster that is not there": _REDIS + b'url = "redis://' + b"a" * 64 + b'.com"\ncluster = true',
    "a table over itself": _LOCAL + b'[payloads]\nprovider = "redis_cache"\nurl = "redis://127.0.0.1:1"\nover = 1',
}
#: Those that only who opens the grid can refuse.
_OPENED = {
    name
    for name in _WRONG
    if re.match(r"a (path|home|host|socket|client|key without|Sentinel|cluster|bracket|table over|certificate) ?", name)
    or name.startswith(("an address", "nobody's home"))
}
#: Commands that differ in how they read a grid.toml; the others do as the first does.
_READING = [words for words in _WITH_CONFIG if words[0] in {"status", "submit", "config", "doctor", "agent", "reaper"}]
#: With these all commands are tried.
_SHOWN = {"a table that is a list", "100,000 brackets", "60,000 dots"}
#: They wait for a service that may come.
_WAITING = {("agent",), ("reaper",)}


@pytest.mark.parametrize("name", _WRONG)
def test_no_grid_toml_makes_a_command_end_with_a_traceback(name: str, htcgrid: Command, folder: Path) -> None:
    (folder / "grid.toml").write_bytes(_WRONG[name])
    for words in _READING if name not in _SHOWN else _WITH_CONFIG:
        if name in _OPENED and words in _WAITING:
            continue
        with _in_time():
            shown = htcgrid(*words, *_required(COMMANDS[words], folder), "--config", "grid.toml")
        _clean(shown, wrong=name not in _OPENED)


def _fifo(file: Path) -> None:
    os.mkfifo(file)


def _loop(file: Path) -> None:
    file.symlink_to(file)


_FILES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda file: None,
    "a folder": lambda file: file.mkdir(),
    "a pipe to which nobody writes": _fifo,
    "a link to itself": _loop,
    "a link to nothing": lambda file: file.symlink_to("/nowhere/at/all"),
    "a link to /dev/full": lambda file: file.symlink_to("/dev/full"),
    "a link to /dev/null": lambda file: file.symlink_to("/dev/null"),
    "a link to /dev/zero": lambda file: file.symlink_to("/dev/zero"),
    "a link to /proc/self/mem": lambda file: file.symlink_to("/proc/self/mem"),
    "a link to a folder": lambda file: file.symlink_to("/etc"),
    "a link to /dev/urandom": lambda file: file.symlink_to("/dev/urandom"),
}


@pytest.mark.parametrize("name", _FILES)
def test_whatever_stands_in_the_place_of_a_grid_toml_is_told(name: str, htcgrid: Command, folder: Path) -> None:
    _FILES[name](folder / "odd.toml")
    for words in _READING[:1] if "pipe" in name else _READING:
        with _in_time():
            _clean(htcgrid(*words, *_required(COMMANDS[words], folder), "--config", "odd.toml"))


#: Words that are no name of anything.
_WORDS = (
    "",
    " ",
    "\0",
    "a\0b",
    "\n",
    "a\nb",
    "\ud800",
    "a\udcffb",
    "\x1b[31m",
    "\u202e",
    "x" * 100_000,
    "../../etc/passwd",
    "~nobody-at-all/x",
    "~\0",
    "%00",
    "{}",
    "*" * 2000,
    "[" * 2000,
    "9" * 5000,
    "-" + "9" * 5000,
    "0x" + "f" * 5000,
    "1e999 ",
    "nan ",
    "-inf ",
    "\u0663\u00b2",
    "a=" + "\ud800",
    "=",
    "a:" + "b." * 5000,
    "\U0010ffff",
    "/",
)
_NUMBERS = (
    *("9" * 5000, "-1", "1e999", "nan", "inf", "-inf", "", "\0", "\ud800", "0x10", "1_000", "\u0663", "\u00b2"),
    *(str(2**63), str(2**64), "1e308", "-0.0", "5e-324"),
)
#: Those that fit nowhere, for commands that would begin, and take long.
_WRONG_NUMBERS = ("9" * 5000, "-1", "nan", "", "\0", "\ud800", "\u00b2")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_word_makes_a_command_end_with_a_traceback(
    words: tuple[str, ...], htcgrid: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_grid(folder)
    (folder / "tasks.json").write_text("[]")
    command = COMMANDS[words]
    for each in command.params:
        if isinstance(each, click.Option) and (each.is_flag or isinstance(each.type, click.Choice)):
            continue
        for word in _tried(each, words):
            others = [
                item
                for other in command.params
                if other is not each and other.required
                for item in _given(other, str(folder))
            ]
            with _in_time():
                shown = htcgrid(*words, *others, *_given(each, word))
            _clean(shown, wrong=False)


#: With a number that fits they run, and for long.
_LONG = {("agent",), ("reaper",), ("bench",), ("drill",), ("demo",)}


def _tried(each: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(each.type, type(click.STRING) | click.Path | click.File):
        # An empty one is as good as none for some, and they would begin.
        return tuple(word for word in _WORDS if word or words not in _LONG)
    return _WRONG_NUMBERS if words in _LONG else _NUMBERS


def _given(each: click.Parameter, word: str) -> list[str]:
    return [f"{each.opts[0]}={word}"] if isinstance(each, click.Option) else ["--", word] if word[:1] == "-" else [word]


#: What is handed in as a document of tasks.
_DOCUMENTS: dict[str, bytes] = {
    "empty": b"",
    "null": b"null",
    "100,000 brackets": b"[" * 100_000,
    "100,000 brackets, closed": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects": b"[" + b'{"a":' * 100_000,
    "an integer of 5,000 digits": b"[" + b"9" * 5000 + b"]",
    "a fraction of 100,000 digits": b"[1." + b"9" * 100_000 + b"]",
    "an exponent without end": b"[1e-99999999999]",
    "1e999": b"[1e999]",
    "NaN": b"[NaN]",
    "-Infinity": b"[-Infinity]",
    "a key twice": b'[{"a": 1, "a": 2}]',
    "half a surrogate": b'["\\ud800"]',
    "surrogates in the wrong order": b'["\\udc00\\ud800"]',
    "half a surrogate as a key": b'[{"\\ud800": 1}]',
    "a surrogate in UTF-8": b'["\xed\xa0\x80"]',
    "no UTF-8": b'["\xff"]',
    "binary": bytes(range(256)),
    "a byte order mark": b"\xef\xbb\xbf[1]",
    "UTF-16": "[1]".encode("utf-16"),
    "NUL": b"\0",
    "NUL in a text": b'["a\\u0000b"]',
    "more behind the end": b"[1] 2",
    "a comma too many": b"[1,]",
    "single quotation marks": b"['a']",
    "an object": b'{"a": 1}',
    "a text without an end": b'"abc',
    "a control character": b'["\x01"]',
    "an escape that there is not": b'["\\x"]',
}


@pytest.mark.parametrize("name", _DOCUMENTS)
def test_no_document_makes_a_command_end_with_a_traceback(name: str, htcgrid: Command, folder: Path) -> None:
    write_grid(folder)
    (folder / "tasks.json").write_bytes(_DOCUMENTS[name])
    for words in ((), ("--lines",), ("--json",), ("--lossy",)):
        with _in_time():
            shown = htcgrid("submit", "work:echo", *words, "--input", "tasks.json")
        assert shown.status in {Exit.DONE, Exit.WRONG}, shown
        _clean(shown, wrong=shown.status == Exit.WRONG)


_ASCII: dict[str, str | None] = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
#: Variables of a process, and what stands in them; None for one that is not there.
_VARIABLES: dict[str, dict[str, str | None]] = {
    "no home": {"HOME": None, "HOMEPATH": None},
    "a home of nobody": {"HOME": "~nobody-at-all"},
    "a folder for temporary files that is not there": {"TMPDIR": "/nowhere"},
    "a folder for temporary files that is a file": {"TMPDIR": "/etc/passwd"},
    "a locale of ASCII": _ASCII,
    "streams of ASCII": {"PYTHONIOENCODING": "ascii:strict"},
    "streams of UTF-16": {"PYTHONIOENCODING": "utf-16"},
    "columns that are no number": {"COLUMNS": "abc", "LINES": "\u0663"},
    "very many columns": {"COLUMNS": "1" + "0" * 30},
    "columns of 5,000 digits": {"COLUMNS": "9" * 5000},
    "less than no column": {"COLUMNS": "-1", "LINES": "-1"},
    "no column": {"COLUMNS": "0"},
    "a grid.toml of bytes": {"HTCGRID_CONFIG": "\udcff"},
    "a grid.toml of nobody": {"HTCGRID_CONFIG": "~nobody-at-all/grid.toml"},
    "a grid.toml of 5,000 letters": {"HTCGRID_CONFIG": "x" * 5000},
    "a grid.toml of two lines": {"HTCGRID_CONFIG": "a\nb\x1b[31m"},
    "a grid.toml without end": {"HTCGRID_CONFIG": "/dev/zero"},
    "no path": {"PATH": None},
    "an odd terminal": {"TERM": "\x1b\n", "NO_COLOR": "", "FORCE_COLOR": "\udcff"},
    "a value of bytes": {"FOLDER": "\udcff\udcfe"},
    "a value of nobody": {"FOLDER": "~nobody-at-all/x"},
    "a value of nothing": {"FOLDER": ""},
    "threads of 5,000 digits": {"OMP_NUM_THREADS": "9" * 5000},
    "cores that are no number": {"PYTHON_CPU_COUNT": "x"},
    "a completion that is none": {"_HTCGRID_COMPLETE": "x"},
    "a completion without words": {"_HTCGRID_COMPLETE": "bash_complete"},
    "a completion at no place": {"_HTCGRID_COMPLETE": "zsh_complete", "COMP_WORDS": "htcgrid '", "COMP_CWORD": "x"},
}


@pytest.mark.parametrize("name", _VARIABLES)
def test_no_environment_makes_a_command_end_with_a_traceback(name: str, folder: Path) -> None:
    (folder / "odd.toml").write_text('[state]\nprovider = "local"\npath = { env = "FOLDER" }\n', encoding="utf-8")
    changed = {"FOLDER": "st\u00e4te", "HTCGRID_CONFIG": "odd.toml", **_VARIABLES[name]}
    environment = {key: value for key, value in {**os.environ, **changed}.items() if value is not None}
    _clean(_process("status", environment=environment), wrong=False)


@pytest.mark.parametrize("word", [b"\xff", "\u00e9".encode(), b"\x1b[31m"])
@pytest.mark.parametrize("locale", [_ASCII, {}], ids=["ASCII", "UTF-8"])
def test_no_bytes_of_a_word_make_a_command_end_with_a_traceback(
    word: bytes, locale: dict[str, str | None], folder: Path
) -> None:
    write_grid(folder)
    environment = {**os.environ, **{name: value for name, value in locale.items() if value}}
    _clean(_process("explain", os.fsdecode(word), environment=environment))
    _clean(_process("status", "--config", os.fsdecode(word), environment=environment))


def test_a_folder_that_is_gone_makes_no_command_end_with_a_traceback(folder: Path) -> None:
    (folder / "grid.toml").write_text('[state]\nprovider = "local"\npath = "state"\n')
    for words in (("status",), ("config", "check", "--config", str(folder / "grid.toml")), ("doctor",)):
        gone = folder / "gone"
        gone.mkdir()
        _clean(_process(*words, environment=dict(os.environ), gone=gone), wrong="check" not in words)


def _process(*words: str, environment: dict[str, str], gone: Path | None = None) -> Ended:
    """Run a command as a process of its own; in a folder that is gone when it starts."""
    # The process itself removes the folder that it stands in: nobody else knows when it stands there.
    code = "import os, sys; os.rmdir(os.getcwd()); from htcgrid.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code] if gone else [sys.executable, "-m", "htcgrid.cli"]
    ended = subprocess.run(
        [*command, *words],
        env=environment,
        cwd=gone,
        capture_output=True,
        timeout=180,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Ended(ended.returncode, ended.stdout.decode(errors="replace"), ended.stderr.decode(errors="replace"))
