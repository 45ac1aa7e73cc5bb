"""What grid.toml takes from the environment is not shown when a real server, or the way to it, refuses."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from htcgrid.config import parse_config
from htcgrid.errors import HtcGridError, ProviderError, ProviderUnavailableError
from htcgrid.model import SessionId
from tests.canary import CANARY, hold_hidden, shown_by
from tests.emulators.redis_server import QUICK, RedisProcess


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """A server that wants a password."""
    process = RedisProcess(tmp_path_factory.mktemp("guarded"), QUICK)
    process.start()
    with closing(redis.Redis(port=process.port)) as client:
        client.config_set("requirepass", "right")
    yield process
    process.kill()


#: What a grid.toml may say of that server, which stands at a port; with the canary in each place.
_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a wrong password": ({"url": "redis://127.0.0.1:{port}", "password": {"env": "CANARY"}}, CANARY),
    "a wrong user": (
        {"url": "redis://127.0.0.1:{port}", "username": {"env": "CANARY"}, "password": {"env": "CANARY"}},
        CANARY,
    ),
    "a password of bytes": ({"url": "redis://127.0.0.1:{port}", "password": {"env": "CANARY"}}, f"{CANARY}\udcff"),
    "a password with a newline": ({"url": "redis://127.0.0.1:{port}", "password": {"env": "CANARY"}}, f"{CANARY}\r\n"),
    "a user in the url": ({"url": {"env": "CANARY"}}, f"redis://{CANARY}@127.0.0.1:{{port}}"),
    "a url without a password": ({"url": {"env": "CANARY"}}, "redis://127.0.0.1:{port}"),
    "a name": ({"url": "redis://127.0.0.1:{port}", "name": {"env": "CANARY"}}, CANARY),
    "a host": ({"url": {"env": "CANARY"}}, f"redis://{CANARY}.invalid"),
    "a host of a cluster": ({"url": {"env": "CANARY"}, "cluster": True}, f"redis://{CANARY}.invalid"),
    "a node that is none": (
        {"url": "redis://127.0.0.1:{port}", "cluster": True, "password": {"env": "CANARY"}},
        CANARY,
    ),
    "a Sentinel": ({"url": {"env": "CANARY"}, "sentinel": "primary"}, f"redis://{CANARY}.invalid"),
    "a Sentinel that knows none": (
        {"url": "redis://127.0.0.1:{port}", "sentinel": {"env": "CANARY"}, "sentinel_password": "right"},
        CANARY,
    ),
    "a Sentinel's password": (
        {"url": "redis://127.0.0.1:{port}", "sentinel": "primary", "sentinel_password": {"env": "CANARY"}},
        CANARY,
    ),
    "one more Sentinel": (
        {"url": "redis://127.0.0.1:1", "sentinel": "primary", "sentinels": [{"env": "CANARY"}]},
        f"{CANARY}.invalid:1",
    ),
    "TLS where there is none": ({"url": {"env": "CANARY"}}, f"rediss://{CANARY}@127.0.0.1:{{port}}"),
    "authorities that are not there": (
        {"url": "rediss://127.0.0.1:{port}", "tls_ca": {"env": "CANARY"}},
        f"/nowhere/{CANARY}",
    ),
    "authorities that are none": ({"url": "rediss://127.0.0.1:{port}", "tls_ca": {"env": "CANARY"}}, "file"),
    "a certificate that is none": ({"url": "rediss://127.0.0.1:{port}", "tls_certificate": {"env": "CANARY"}}, "file"),
    "a key that is none": (
        {"url": "rediss://127.0.0.1:{port}", "tls_certificate": "/etc/passwd", "tls_key": {"env": "CANARY"}},
        "file",
    ),
    "a socket": ({"url": {"env": "CANARY"}}, f"unix:///nowhere/{CANARY}"),
}


@pytest.mark.parametrize("name", _REFUSED)
def test_no_refusal_shows_what_came_from_the_environment(
    name: str, guarded: RedisProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    keys, value = _REFUSED[name]
    file = tmp_path / CANARY
    file.write_text(f"{CANARY}\n")
    monkeypatch.setenv("CANARY", str(file) if value == "file" else value.replace("{port}", str(guarded.port)))
    url = keys["url"]
    url = url.replace("{port}", str(guarded.port)) if isinstance(url, str) else url
    # The test's folder has the canary in its name.
    config = parse_config(
        {"state": {"provider": "redis", "timeout": 1.0, "connect_timeout": 1.0, **keys, "url": url}}, folder=Path("/")
    )
    hold_hidden(repr(config))
    for opening in (config.open_state, config.open_queue, config.open_payloads):
        with pytest.raises(HtcGridError) as raised:
            _used(opening)
        hold_hidden(shown_by(raised.value))
        if name == "a wrong password":
            assert isinstance(raised.value, ProviderError)
            assert not isinstance(raised.value, ProviderUnavailableError)
            assert "it refuses user name and password" in str(raised.value)
    # What the SDK says to its own logger, when somebody turns that on, is its own affair.
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("htcgrid")]
    hold_hidden("\n".join(ours))


def _used(opening: Callable[[], Any]) -> None:
    """Open something, and ask it for something."""
    with closing(opening()) as opened:
        hold_hidden(repr(opened) + repr(vars(opened)))
        if hasattr(opened, "sessions"):
            opened.status([SessionId("none")])
        elif hasattr(opened, "depth"):
            opened.depth("default")
        else:
            opened.get(["a"])
