"""The process that opened an embedded grid, as its own agents are to know it.

It is handed to them in their environment, which only the same user can read, and is never stored: a command line may
hold a password.
"""

import json
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Self

import msgspec

from htcgrid.errors import ConfigError

#: The variables' names begin with it. Linux bounds each to 128 KiB (execve(2), MAX_ARG_STRLEN), and their
#: sum to some megabytes, as it does with the client's own command line.
_PREFIX = "HTCGRID_CLIENT_"
_LENGTH = 100_000
#: Flags of the interpreter that a child does not take over by itself, by their names in :data:`sys.flags`. Not -S: what
#: workers are made of may stand in site-packages, which the client then has found in another way.
_FLAGS = {
    "debug": "d",
    "dont_write_bytecode": "B",
    "verbose": "v",
    "bytes_warning": "b",
    "quiet": "q",
    "optimize": "O",
}


class ClientProcess(msgspec.Struct, frozen=True, kw_only=True):
    """What its workers take over."""

    #: :data:`sys.argv`; None where the agents have no client of their own.
    argv: tuple[str, ...] | None = None
    #: Arguments of the interpreter, as ``-O``.
    flags: tuple[str, ...] = ()
    #: The script that it runs, as the home of a handler's name: a file or a module; None for a prompt or a notebook.
    script: str | None = None
    #: From where it imports modules: whole paths.
    path: tuple[str, ...] = ()

    @classmethod
    def current(cls, script: str | None, path: tuple[str, ...]) -> Self:
        """Return this process, which runs ``script`` and imports from ``path``."""
        return cls(argv=tuple(map(str, sys.argv)), flags=tuple(interpreter_flags()), script=script, path=path)

    @classmethod
    def taken(cls, environment: MutableMapping[str, str]) -> Self:
        """Take out of an environment what :meth:`environment` put there; an empty one when nothing is."""
        parts: list[str] = []
        while (part := environment.pop(f"{_PREFIX}{len(parts)}", None)) is not None:
            parts.append(part)
        if not parts:
            return cls()
        try:
            # msgspec would not take letters that no encoding has, as file names have them.
            return msgspec.convert(json.loads("".join(parts)), cls)
        except (ValueError, RecursionError) as error:
            raise ConfigError(
                f"{_PREFIX}0, and the variables behind it, are not what an embedded grid gives its agents: {error}"
            ) from error

    def environment(self) -> Mapping[str, str]:
        """Return variables that tell an agent."""
        text = json.dumps({"argv": self.argv, "flags": self.flags, "script": self.script, "path": self.path})
        parts = [text[start : start + _LENGTH] for start in range(0, len(text), _LENGTH)]
        return {f"{_PREFIX}{number}": part for number, part in enumerate(parts)}


def interpreter_flags() -> Iterator[str]:
    """Yield the arguments that make an interpreter like this one, as multiprocessing does for its children."""
    for name, letter in _FLAGS.items():
        if count := getattr(sys.flags, name):
            yield f"-{letter * count}"
    yield from isolation_flags()
    for option in sys.warnoptions:
        yield f"-W{option}"
    for name, value in sys._xoptions.items():  # noqa: SLF001 - documented, in spite of its name
        yield f"-X{name}" if value is True else f"-X{name}={value}"


def isolation_flags() -> Iterator[str]:
    """Yield the arguments that keep an interpreter from the same places of modules as this one."""
    if sys.flags.isolated:
        yield "-I"
        return
    if sys.flags.ignore_environment:
        yield "-E"
    if sys.flags.no_user_site:
        yield "-s"
