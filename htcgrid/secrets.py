"""Values that a grid.toml takes from the environment: they are shown to nobody.

A provider, its SDK and the operating system put the values that they were given into their errors: a host, a path, a
user. So what leaves an object that was opened with such values goes through one door, whoever wrote the object.
"""

import base64
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import PurePath
from types import GeneratorType
from typing import Any, NamedTuple, ParamSpec, TypeVar
from urllib.parse import quote, quote_plus, unquote, urlsplit

import msgspec

from htcgrid.errors import HtcGridError, ProviderError

#: What is shorter may stand in a message by chance, and would be found out if it alone were left out.
_SHORT = 4
#: Of what is longer, a message may show the beginning alone.
_LONG, _BEGINNING = 40, 24
#: What urls begin with, which is no secret.
_SCHEMES = frozenset({"", "redis", "rediss", "unix", "http", "https", "file", "s3", "tcp"})

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_Provided = TypeVar("_Provided")


def without_texts(settings: msgspec.Struct) -> str:
    """Return settings as ``repr`` shows them: without any text, since each may have come from the environment."""
    shown = (f"{name}={_shown(getattr(settings, name))}" for name in settings.__struct_fields__)
    return f"{type(settings).__name__}({', '.join(shown)})"


def _shown(value: object) -> str:
    return repr(value) if value is None or isinstance(value, bool | int | float) else "…"


def is_reference(value: Any) -> bool:
    """Return whether a value stands for a variable of the environment: ``{ env = "NAME" }``."""
    return isinstance(value, dict) and set(value) == {"env"}


def variables_of(value: object) -> Iterator[str]:
    """Yield the names of the environment variables that a document, or a part of one, refers to."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from variables_of(item)
    elif isinstance(value, Mapping):
        if set(value) == {"env"} and isinstance(value["env"], str):
            yield value["env"]
        else:
            for item in value.values():
                yield from variables_of(item)


def variable(name: str) -> str | None:
    """Return what a variable of the environment is, and None when there is none, or can be none, of this name."""
    try:
        return os.environ.get(name)
    except ValueError:
        # The name cannot be written as the system's bytes.
        return None


class _Form(NamedTuple):
    """A text by which a value could be found out, and its variable."""

    text: str
    name: str


class Secrets:
    """The values from the environment that a document refers to, by the names of their variables."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        found = {name: value for name in variables_of(document) if (value := variable(name))}
        self._values = found
        self._known: tuple[list[_Form], re.Pattern[str] | None, dict[str, str]] | None = None

    def __bool__(self) -> bool:
        return bool(self._values)

    def hidden(self, message: str, where: str = "") -> str:
        """Return a message with ``$NAME`` in the place of each value; behind ``where``, which holds none.

        Parts of a value and ways of writing it are hidden, too. Of one with a short value, no reason is left.
        """
        if not self._values:
            return message
        reason = message.removeprefix(where)
        told = message[: len(message) - len(reason)]
        short, pattern, names = self._forms()
        for form in short:
            if re.search(rf"(?<!\w){re.escape(form.text)}(?!\w)", reason, re.IGNORECASE):
                refused = f"refused, and the reason is not shown, since it holds the value of ${form.name}"
                return f"{where}: {refused}" if where else refused
        if pattern is not None:
            reason = pattern.sub(lambda match: f"${_name_of(match[0], names)}", reason)
        return told + reason

    def mentioned(self, error: BaseException) -> bool:
        """Return whether an error, or one behind it, shows a value."""
        behind: BaseException | None = error
        seen: list[BaseException] = []
        while behind is not None and not any(behind is one for one in seen):
            seen.append(behind)
            text = f"{behind} {behind!r} {vars(behind)!r}"
            if self.hidden(text) != text:
                return True
            behind = behind.__cause__ or behind.__context__
        return False

    def cleaned(self, error: Exception) -> Exception:
        """Return an error without values, for whoever asked: also without those behind it, and their frames' locals.

        One that is none of the grid's stays as it is, unless it shows a value.
        """
        if not isinstance(error, HtcGridError):
            if not self.mentioned(error):
                return error
            error = ProviderError(self.hidden(f"{type(error).__name__}: {error}"))
        error.args = tuple(self._of(item) for item in error.args)
        for name, item in list(vars(error).items()):
            setattr(error, name, self._of(item))
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)

    def of(self, value: Any) -> Any:
        """Return a value without those from the environment, in all its texts."""
        return self._of(value) if self._values else value

    def _of(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.hidden(value)
        if isinstance(value, list):
            return [self._of(item) for item in value]
        if type(value) is tuple:
            return tuple(self._of(item) for item in value)
        if isinstance(value, HtcGridError):
            return self.cleaned(value)
        if isinstance(value, dict):
            return {key: self._of(item) for key, item in value.items()}
        return value

    def behind(
        self, call: Callable[_Arguments, _Result], *args: _Arguments.args, **named: _Arguments.kwargs
    ) -> _Result:
        """Return what a call returns; an error of it shows no value."""
        try:
            return call(*args, **named)
        except Exception as error:  # noqa: BLE001 - whatever a provider raises may show what it was given
            told = self.cleaned(error)
        # Not inside the handler: what is raised there has the first error as its context.
        raise told

    def guard(self, opened: _Provided, interface: type) -> _Provided:
        """Let no error of an object's methods, those of an interface, show a value; it stays the same object."""
        kind = type(opened)
        methods: dict[str, Any] = {
            name: _guarded(getattr(kind, name), self)
            for name in dir(interface)
            if not name.startswith("_") and name != "open" and callable(getattr(kind, name, None))
        }
        guarded = type(kind.__name__, (kind,), {"__slots__": (), "__module__": kind.__module__, **methods})
        opened.__class__ = guarded
        return opened

    def _forms(self) -> tuple[list[_Form], re.Pattern[str] | None, dict[str, str]]:
        """Return the short forms; what finds the others; and the variable of each of these."""
        if self._known is None:
            forms = [_Form(text, name) for name, value in self._values.items() for text in _texts(value)]
            short = [form for form in forms if len(form.text) < _SHORT]
            names: dict[str, str] = {}
            for form in forms:
                if len(form.text) >= _SHORT:
                    names.setdefault(form.text.lower(), form.name)
            # Longer ones first: one may be a part of another.
            texts = sorted(names, key=len, reverse=True)
            pattern = "|".join(re.escape(text) + (r"[^\s'\"]*" if len(text) == _BEGINNING else "") for text in texts)
            self._known = short, re.compile(pattern, re.IGNORECASE) if texts else None, names
        return self._known


def _name_of(found: str, names: Mapping[str, str]) -> str:
    """Return the variable of what was found, which may go on behind what it begins with."""
    lowered = found.lower()
    return names.get(lowered) or names.get(lowered[:_BEGINNING]) or next(iter(names.values()))


def _texts(value: str) -> set[str]:
    """Return the texts by which a value could be found out: it and its parts, as they may be written in a message."""
    found: set[str] = set()
    for part in {value, *_parts(value)}:
        found.update(_written(part))
        if len(part) > _LONG:
            found.update(form[:_BEGINNING] for form in _written(part))
    return {text for text in found if text.strip()}


def _parts(value: str) -> Iterator[str]:
    """Yield what a value consists of: lines, the parts of a URL or a place, a path as the system names it."""
    yield value.strip()
    yield " ".join(value.split())
    for piece in (*value.splitlines(), *value.split("\0")):
        if len(piece.strip()) >= _SHORT:
            yield piece.strip()
    for part in _parts_of_url(value):
        # The number of a database, or half a port, is in every second message.
        if len(part) >= _SHORT or not part.isdecimal():
            yield part
            yield unquote(part)
    if "/" in value or value.startswith("~"):
        path = str(PurePath(value))
        yield from (text for text in (path, path.partition("/")[2].strip("/")) if len(text) >= _SHORT)


def _parts_of_url(value: str) -> Iterator[str]:
    for text in (value, *(() if "://" in value else (f"//{value}",))):
        scheme, _, rest = text.rpartition("://") if "://" in text else ("", "", text.removeprefix("//"))
        if scheme.lower() not in _SCHEMES:
            yield scheme
        # By hand: of a URL that is none, urlsplit tells nothing.
        place, _, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
        user, _, host = place.rpartition("@")
        name, port = found.groups() if (found := re.fullmatch(r"(\[.*\]|[^:]*):([^:]*)", host)) else (host, "")
        yield from (rest, place, path, path.strip("/"), user, *user.split(":", 1), host, name, name.strip("[]"), port)
        try:
            parts = urlsplit(text)
            yield from (parts.query, parts.fragment, parts.hostname or "", parts.path)
        except ValueError:
            continue


def _written(text: str) -> Iterator[str]:
    """Yield a text in the ways in which messages, URLs and headers write it."""
    data = text.encode("utf-8", "surrogateescape" if _is_encodable(text) else "backslashreplace")
    yield text
    yield from (
        repr(text)[1:-1],
        ascii(text)[1:-1],
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
    )
    if len(text) >= _SHORT:
        yield from (quote(data), quote(data, safe=""), quote_plus(data), data.hex())
        yield base64.b64encode(data).decode().rstrip("=")
        yield base64.urlsafe_b64encode(data).decode().rstrip("=")


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _guarded(method: Callable[..., Any], secrets: Secrets) -> Callable[..., Any]:
    """Return a method whose errors show no value, nor does what it tells of the service."""

    @wraps(method)
    def guarded(*args: Any, **named: Any) -> Any:
        found = secrets.behind(method, *args, **named)
        if isinstance(found, GeneratorType):
            return _guarded_iterator(found, secrets)
        if unreadable := getattr(found, "unreadable", None):
            return found._replace(unreadable=[secrets.cleaned(error) for error in unreadable])
        if method.__name__ == "concerns":
            return [
                each._replace(message=secrets.hidden(each.message), advice=secrets.hidden(each.advice))
                for each in found
            ]
        return found

    return guarded


def _guarded_iterator(items: Iterator[Any], secrets: Secrets) -> Iterator[Any]:
    end = object()
    while (item := secrets.behind(next, items, end)) is not end:
        yield item
