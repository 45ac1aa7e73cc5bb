"""Whatever a grid.toml, a word, a document or the environment is: a command ends soon, with one line and no traceback."""

import os
import resource
import signal
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
        told = shown.err.splitlines()
        assert told, shown
        assert any(line.startswith(("htcgrid: ", "Error: ", "htcgrid agent: ")) for line in told), shown
        assert max(map(len, told)) < 4000, shown
        assert "maximum recursion" not in shown.err, shown


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
    if name.startswith(
        (
            "a path ",
            "a host",
            "a socket",
            "a certificate",
            "a client",
            "a key without",
            "a Sentinel",
            "a cluster",
            "nobody's home",
            "a home",
            "a bracket",
            "an address",
            "a table over",
        )
    )
}
#: They open nothing, or wait for a service that may come.
_WAITING = {("agent",), ("reaper",)}


@pytest.mark.parametrize("name", _WRONG)
def test_no_grid_toml_makes_a_command_end_with_a_traceback(name: str, htcgrid: Command, folder: Path) -> None:
    (folder / "grid.toml").write_bytes(_WRONG[name])
    for words, command in _WITH_CONFIG.items():
        if name in _OPENED and words in _WAITING:
            continue
        with _in_time():
            shown = htcgrid(*words, *_required(command, folder), "--config", "grid.toml")
        _clean(shown, wrong=name not in _OPENED)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 700 << 10


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
def test_whatever_stands_in_the_place_of_a_grid_toml_is_told_in_a_line(
    name: str, htcgrid: Command, folder: Path
) -> None:
    _FILES[name](folder / "odd.toml")
    for words, command in _WITH_CONFIG.items():
        with _in_time():
            _clean(htcgrid(*words, *_required(command, folder), "--config", "odd.toml"))


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
    "9" * 5000,
    "-1",
    "1e999",
    "nan",
    "inf",
    "-inf",
    "",
    "\0",
    "\ud800",
    "0x10",
    "1_000",
    "\u0663",
    str(2**63),
    str(2**64),
    "1e308",
    "-0.0",
    "5e-324",
    "²",
)


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
    if isinstance(each.type, click.STRING.__class__ | click.Path | click.File):
        return _WORDS
    numbers = _NUMBERS
    if words in _LONG:
        return tuple(number for number in numbers if number in {"9" * 5000, "-1", "nan", "", "\0", "\ud800", "²"})
    return numbers


def _given(each: click.Parameter, word: str) -> list[str]:
    return [f"{each.opts[0]}={word}"] if isinstance(each, click.Option) else ["--", word] if word[:1] == "-" else [word]
