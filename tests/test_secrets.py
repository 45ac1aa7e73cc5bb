"""What a grid.toml takes from the environment is shown by nothing: no error of any key, nor what is behind it."""

import base64
import contextlib
import io
import json
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from htcgrid import Grid
from htcgrid.cli.commands import run
from htcgrid.config import INTERFACES, AgentSettings, Config, offer_of, parse_config
from htcgrid.errors import HtcGridError
from htcgrid.model import SessionId
from htcgrid.plugins import installed_providers

#: Its halves are looked for, too, in any case: no error may tell a part.
_CANARY = "KanarienvogelGelb"
_HALVES = ("kanarienvogel", "vogelgelb")
#: Values that are wrong for one key or another, each in a way of its own.
_VALUES = {
    "a word": _CANARY,
    "two words": f"{_CANARY} {_CANARY}",
    "a word with a letter that no name has": f"{_CANARY}{{*}}",
    "two lines": f"{_CANARY}\n{_CANARY}",
    "quotation marks": f"{_CANARY}'\"{_CANARY}",
    "a backslash and an escape": f"{_CANARY}\\\x1b[31m{_CANARY}",
    "letters beyond ASCII": f"{_CANARY}\u00e9\u20ac{_CANARY}",
    "bytes that are no UTF-8": f"{_CANARY}\udcff",
    "5,000 letters": _CANARY * 300,
    "a path": f"/nowhere/{_CANARY}/file",
    "a home": f"~{_CANARY}/file",
    "a path below a file": f"/etc/passwd/{_CANARY}",
    "a path that goes up": f"./../{_CANARY}//file",
    "a URL of another scheme": f"http://{_CANARY}.example/",
    "a scheme": f"{_CANARY}://example",
    "a URL with a password": f"redis://{_CANARY}:{_CANARY}@127.0.0.1:1",
    "a URL with a user": f"redis://{_CANARY}@127.0.0.1:1",
    "a URL with a host": f"redis://{_CANARY}.invalid:1",
    "a URL with a database": f"redis://127.0.0.1:1/{_CANARY}",
    "a URL with a port": f"redis://127.0.0.1:{_CANARY}",
    "a URL with an address": f"redis://[::{_CANARY}]:1",
    "a URL with an open bracket": f"redis://[{_CANARY}",
    "a URL with a query": f"redis://127.0.0.1:1/0?password={_CANARY}",
    "a URL with a host that IDNA refuses": f"redis://{_CANARY * 5}.com",
    "a URL with escapes": f"redis://%4B{_CANARY}%20:1/",
    "a socket": f"unix:///nowhere/{_CANARY}.sock",
    "a socket with a name that is too long": f"unix:///nowhere/{_CANARY * 10}.sock",
    "a place": f"{_CANARY}.invalid:26379",
    "a place without a port": f"{_CANARY}.invalid",
    "a place with a user": f"{_CANARY}@127.0.0.1:1",
    "a handler": f"{_CANARY}:*",
}


#: What reads a grid.toml, each in a way of its own.
_COMMANDS = (
    ("config", "check"),
    ("config", "check", "--json"),
    ("doctor",),
    ("submit", "a:b", "--input", "/dev/null"),
)


def _tables() -> Iterator[tuple[str, str, str, Any]]:
    """Yield each key of each provider's tables, and of [agent], with its kind: a new one is among them by itself."""
    for provider in installed_providers():
        for table, interface in INTERFACES.items():
            with suppress(HtcGridError):
                offer = offer_of(provider.name, table, interface, "")
                for field in msgspec.structs.fields(offer.Settings):
                    yield provider.name, table, field.encode_name, field.type
    for field in msgspec.structs.fields(AgentSettings):
        yield "local", "agent", field.encode_name, field.type


#: For one table of those that a provider has the same keys for.
KEYS = {(provider, key): (table, kind) for provider, table, key, kind in reversed(list(_tables()))}
#: What the keys of each provider go with, so that what is opened gets as far as it can.
_REST: dict[str, dict[str, Any]] = {
    "local": {"path": "state"},
    "redis": {"url": "redis://127.0.0.1:1", "connect_timeout": 1.0, "timeout": 1.0},
    "redis-cache": {"url": "redis://127.0.0.1:1", "over": {"provider": "local", "path": "state"}},
}
#: Keys that are nothing without others.
_WITH = {
    "sentinels": {"sentinel": "primary"},
    "sentinel_username": {"sentinel": "primary"},
    "sentinel_password": {"sentinel": "primary"},
    "tls_ca": {"url": "rediss://127.0.0.1:1"},
    "tls_certificate": {"url": "rediss://127.0.0.1:1"},
    "tls_key": {"url": "rediss://127.0.0.1:1", "tls_certificate": "/etc/passwd"},
}


def document(provider: str, key: str) -> dict[str, Any]:
    """Return a grid's document in which one key, and all that it holds, comes from the environment."""
    table, kind = KEYS[provider, key]
    reference: Any = {"env": "CANARY"}
    value = reference
    if "list" in str(kind) or "tuple" in str(kind):
        value = [reference]
    elif "dict" in str(kind):
        value = {"provider": "local", "path": reference} if key == "over" else {"KEY": reference}
    if table == "agent":
        return {"state": {"provider": "local", "path": "state"}, "agent": {key: value}}
    values = {"provider": provider, **_REST.get(provider, {}), **_WITH.get(key, {}), key: value}
    return {table: values} if table == "state" else {"state": {"provider": "local", "path": "state"}, table: values}


def shown_by(error: BaseException) -> str:
    """Return all that an error can show: itself, those behind it, and what their frames hold."""
    told, seen = [], []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or any(one is other for other in seen):
            continue
        seen.append(one)
        waiting += [one.__cause__, one.__context__]
        told += [str(one), repr(one), repr(one.args), repr(vars(one))]
        lines = traceback.TracebackException.from_exception(one, capture_locals=True).format()
        # This file's own frames have the value on purpose.
        told += [line for line in lines if __file__ not in line]
    told.append(repr(pickle.dumps(error)) if isinstance(error, HtcGridError) else "")
    return "\n".join(told)


def hold_hidden(shown: str) -> None:
    """Hold that nothing of the canary is in what was shown, in whatever way it is written."""
    lowered = shown.lower()
    for half in _HALVES:
        forms = {half, quote(half), half.encode().hex(), half.encode("utf-16-le").hex(), half[::-1]}
        assert not [form for form in forms if form in lowered], shown
    for word in (_CANARY, _CANARY.lower()):
        # At each of the places where it may begin in three bytes.
        for before in ("", "x", "xx"):
            form = base64.b64encode((before + word).encode()).decode()[4:-4]
            assert form not in shown, shown


def outcome_of(call: Callable[[], object]) -> str:
    """Return what a call shows: what it returns, or how it fails."""
    try:
        return repr(call())
    except Exception as error:  # noqa: BLE001 - whatever it is
        return shown_by(error)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own, in which it stands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HTCGRID_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def _used(config: Config) -> Iterator[Callable[[], object]]:
    """Yield whatever can be done with a configuration."""
    for opening in (config.open_state, config.open_queue, config.open_payloads, config.open_compute):
        yield lambda opening=opening: _opened(opening)  # type: ignore[misc]
    yield config.agent_settings
    yield lambda: Grid.open(config.tables).close()
    yield lambda: config


def _opened(opening: Callable[[], Any]) -> list[str]:
    with closing(opening()) as opened:
        found = [repr(opened), outcome_of(opened.concerns)]
        if hasattr(opened, "sessions"):
            found += [outcome_of(lambda: opened.status([SessionId("none")])), outcome_of(opened.sessions)]
            found += [outcome_of(opened.agents)]
        elif hasattr(opened, "depth"):
            found += [outcome_of(lambda: opened.depth("default"))]
        elif hasattr(opened, "put"):
            found += [outcome_of(lambda: opened.put({"a": b""})), outcome_of(lambda: opened.get(["a"]))]
    return found


def _commanded(*words: str) -> str:
    """Return what a command writes."""
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written), suppress(SystemExit):
        run(list(words))
    written.flush()
    return written.buffer.getvalue().decode()  # type: ignore[attr-defined]


def _toml(values: dict[str, Any]) -> str:
    def written(value: Any) -> str:
        if isinstance(value, dict):
            return f"{{ {', '.join(f'{key} = {written(item)}' for key, item in value.items())} }}"
        if isinstance(value, list):
            return f"[{', '.join(written(item) for item in value)}]"
        return json.dumps(value)

    lines = []
    for table, keys in values.items():
        lines += [f"[{table}]", *(f"{key} = {written(item)}" for key, item in keys.items())]
    return "\n".join(lines)


def test_each_key_of_each_provider_is_in_the_table() -> None:
    assert {provider for provider, _ in KEYS} >= {"local", "redis", "redis-cache"}
    assert {
        ("redis", "url"),
        ("redis", "sentinels"),
        ("redis", "tls_key"),
        ("local", "path"),
        ("local", "pool"),
    } <= set(KEYS)


@pytest.mark.parametrize(("provider", "key"), KEYS, ids=["-".join(key) for key in KEYS])
def test_no_error_of_a_key_shows_what_came_from_the_environment(
    provider: str, key: str, here: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    values = document(provider, key)
    (here / "grid.toml").write_text(_toml(values))
    # What must be a number is no text, whatever it says.
    few = not any(kind in str(KEYS[provider, key][1]) for kind in ("str", "dict"))
    for name, value in list(_VALUES.items())[: 5 if few else None]:
        monkeypatch.setenv("CANARY", value)
        try:
            config = parse_config(values, folder=here)
        except HtcGridError as error:
            shown = [shown_by(error)]
        else:
            shown = [repr(config), *(outcome_of(call) for call in _used(config))]
        shown += [_commanded(*words) for words in _COMMANDS]
        for text in (*shown, caplog.text):
            try:
                hold_hidden(text)
            except AssertionError as error:
                raise AssertionError(f"{name}: {text[-3000:]}") from error
