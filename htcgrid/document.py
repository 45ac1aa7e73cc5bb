"""A grid.toml as a file, and the bounds of what one may say, so that whatever reads it needs none of its own."""

import os
import re
import select
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from htcgrid.errors import ConfigError
from htcgrid.model.spelled import spelled

#: The most bytes of a file: more are no configuration.
_BYTES = 1 << 20
#: The most tables and lists in each other.
_DEPTH = 32
#: What TOML promises of whole numbers.
_WHOLE = 2**63
#: Most letters of an error's message.
_MESSAGE = 2000
#: How long to wait for what stands behind a pipe: seconds.
_PATIENCE = 5.0
#: A key of more parts than may be, for which the parser would take minutes.
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_DEEP_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]*+(?:{_PART}){{{_DEPTH}}}", re.MULTILINE)


def read_document(file: Path) -> dict[str, Any]:
    """Read a grid.toml, and check nothing but that it is TOML, within bounds.

    Raises:
        ConfigError: it is missing, unreadable or no TOML, or it is more than a configuration.
    """
    shown = shown_path(file)
    try:
        text = _bytes_of(file, shown).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown}: is not TOML: {error}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{shown}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if _DEEP_KEY.search(text):
        raise ConfigError(f"{shown}: is not usable: it has a key of over {_DEPTH} parts: name tables by fewer")
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{shown}: is not usable: it has tables or lists in each other over {_DEPTH} deep") from error
    except ValueError as error:
        # Beside what is no TOML: a number of thousands of digits, a day that there is not.
        raise ConfigError(f"{shown}: is not TOML: {error}") from error
    check_bounds(document, shown)
    return document


def shown_path(file: str | os.PathLike[str]) -> str:
    """Return a path for a message: on one line, and not without end."""
    text = os.fspath(file)
    if not text.isprintable():
        text = ascii(text)[1:-1]
    return text if len(text) <= 1000 else f"{text[:1000]}…"


def check_bounds(document: Mapping[Any, Any], shown: str) -> None:
    """Refuse a document that is too deep, or has what is no key or no number of TOML.

    Raises:
        ConfigError: it is so; the message begins with ``shown``, the file.
    """
    waiting: list[tuple[str, Any, int]] = [("", document, 0)]
    while waiting:
        where, value, depth = waiting.pop()
        if depth > _DEPTH:
            raise ConfigError(
                f"{shown}: {where} is not usable: it has tables or lists in each other over {_DEPTH} deep"
            )
        if isinstance(value, Mapping):
            for key, item in value.items():
                if not isinstance(key, str):
                    raise ConfigError(f"{shown}: {where or 'it'} has a key that is no string: {spelled(key)}")
                waiting.append((where or f"[{printable(key)}]", item, depth + 1))
        elif isinstance(value, list | tuple):
            waiting += [(where, item, depth + 1) for item in value]
        elif isinstance(value, int) and not -_WHOLE <= value < _WHOLE:
            raise ConfigError(f"{shown}: {where} has a whole number outside of 64 bits: write a smaller one")


def printable(key: str) -> str:
    """Return a key for a message: on one line, and not without end."""
    text = key if key.isprintable() else ascii(key)[1:-1]
    return text if len(text) <= 80 else f"{text[:80]}…"


def brief(message: str) -> str:
    """Return a message without the middle of what nobody would read to its end: a name of megabytes."""
    return message if len(message) <= _MESSAGE else f"{message[: _MESSAGE // 2]} … {message[-_MESSAGE // 2 :]}"


def _bytes_of(file: Path, shown: str) -> bytes:
    """Return what a file holds; of a pipe or a device, what comes within some seconds."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    found = bytearray()
    try:
        while True:
            if not select.select([descriptor], [], [], _PATIENCE)[0]:
                raise ConfigError(f"{shown}: cannot be read: nothing comes from it; name a file")
            part = os.read(descriptor, _BYTES)
            found += part
            if len(found) > _BYTES:
                raise ConfigError(f"{shown}: is not usable: it is larger than {_BYTES >> 20} MiB; name a grid.toml")
            if not part:
                return bytes(found)
    finally:
        os.close(descriptor)
