"""What a grid.toml takes from the environment is shown by nothing: no error of any key, nor what is behind it."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from htcgrid import Grid
from htcgrid.cli.commands import run
from htcgrid.config import INTERFACES, AgentSettings, Config, offer_of, parse_config
from htcgrid.errors import HtcGridError
from htcgrid.model import SessionId
from htcgrid.plugins import installed_providers
from tests.canary import CANARY, hold_hidden, outcome_of, shown_by

#: Values that are wrong for one key or another, each in a way of its own.
_VALUES = {
    "a word": CANARY,
    "two words": f"{CANARY} {CANARY}",
    "a word with a letter that no name has": f"{CANARY}{{*}}",
    "two lines": f"{CANARY}\n{CANARY}",
    "quotation marks": f"{CANARY}'\"{CANARY}",
    "a backslash and an escape": f"{CANARY}\\\x1b[31m{CANARY}",
    "letters beyond ASCII": f"{CANARY}\u00e9\u20ac{CANARY}",
    "bytes that are no UTF-8": f"{CANARY}\udcff",
    "5,000 letters": CANARY * 300,
    "a path": f"/nowhere/{CANARY}/file",
    "a home": f"~{CANARY}/file",
    "a path below a file": f"/etc/passwd/{CANARY}",
    "a path that goes up": f"./../{CANARY}//file",
    "a URL of another scheme": f"http://{CANARY}.example/",
    "a scheme": f"{CANARY}://example",
    "a URL with a password": f"redis://{CANARY}:{CANARY}@127.0.0.1:1",
    "a URL with a user": f"redis://{CANARY}@127.0.0.1:1",
    "a URL with a host": f"redis://{CANARY}.invalid:1",
    "a URL with a database": f"redis://127.0.0.1:1/{CANARY}",
    "a URL with a port": f"redis://127.0.0.1:{CANARY}",
    "a URL with an address": f"redis://[::{CANARY}]:1",
    "a URL with an open bracket": f"redis://[{CANARY}",
    "a URL with a query": f"redis://127.0.0.1:1/0?password={CANARY}",
    "a URL with a host that IDNA refuses": f"redis://{CANARY * 5}.com",
    "a URL with escapes": f"redis://%4B{CANARY}%20:1/",
    "a socket": f"unix:///nowhere/{CANARY}.sock",
    "a socket with a name that is too long": f"unix:///nowhere/{CANARY * 10}.sock",
    "a place": f"{CANARY}.invalid:26379",
    "a place without a port": f"{CANARY}.invalid",
    "a place with a user": f"{CANARY}@127.0.0.1:1",
    "a handler": f"{CANARY}:*",
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
    return written.buffer.getvalue().decode()


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
