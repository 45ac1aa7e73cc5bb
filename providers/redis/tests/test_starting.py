"""Agents and reapers may be started before their server."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from htcgrid import Grid
from htcgrid.errors import ProviderUnavailableError
from htcgrid.testing.samples import new_id
from tests.emulators.redis_server import RedisProcess

_TOML = """
[state]
provider = "redis"
url = "redis://127.0.0.1:{port}"
name = "{name}"
password = "not-to-be-told"

[agent]
handlers = ["htcgrid.testing.handlers:*"]
workers = 1
"""


@pytest.fixture
def config(redis_process: RedisProcess, tmp_path: Path) -> Path:
    """The grid.toml of a grid whose server does not run yet."""
    file = tmp_path / "grid.toml"
    file.write_text(_TOML.format(port=redis_process.port, name=new_id()))
    return file


class Started:
    """A process of the grid and what it has said."""

    def __init__(self, config: Path, *words: str, **options: object) -> None:
        self._log = config.parent / f"{words[0]}.log"
        with self._log.open("wb") as log:
            command = [sys.executable, "-P", "-m", "htcgrid.cli", *words, "--config", str(config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, **options)  # type: ignore[call-overload]

    @property
    def said(self) -> str:
        return self._log.read_text()

    def says(self, words: str) -> None:
        """Wait until it does."""
        deadline = time.monotonic() + 30
        while words not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)


def test_an_agent_and_a_reaper_wait_for_their_server_and_begin_when_it_comes(
    redis_process: RedisProcess, config: Path
) -> None:
    config.write_text(config.read_text().replace('password = "not-to-be-told"', ""))
    started = [Started(config, "agent", "--log", "json"), Started(config, "reaper")]
    for one in started:
        one.says(f"Redis at 127.0.0.1:{redis_process.port} cannot be reached")
    redis_process.start()
    with Grid.open(config) as grid:
        assert grid.submit("htcgrid.testing.handlers:echo", [1, 2, 3]).results(timeout=60) == [1, 2, 3]
    started[1].says("reaper started")
    for one in started:
        one.process.terminate()
        assert one.process.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("program", ["agent", "reaper"])
def test_one_that_waits_ends_well_and_at_once_when_it_is_told_to(
    config: Path, program: str, number: signal.Signals
) -> None:
    waiting = Started(config, program)
    waiting.says("cannot be reached")
    for _ in range(20):
        waiting.process.send_signal(number)
    assert waiting.process.wait(10) == 0
    assert "Traceback" not in waiting.said
    assert "not-to-be-told" not in waiting.said


def test_an_agent_that_waits_ends_when_whoever_started_it_is_gone(config: Path) -> None:
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "htcgrid_agent", "--config", config, "--lifeline", str(read_end)],
        stderr=subprocess.PIPE,
        pass_fds=[read_end],
    )
    assert process.stderr is not None
    assert b"cannot be reached" in process.stderr.readline()
    os.close(write_end)
    assert process.wait(10) == 0
    os.close(read_end)
    process.stderr.close()


def test_a_client_does_not_wait_for_a_server_that_is_not_there(config: Path) -> None:
    with pytest.raises(ProviderUnavailableError, match="cannot be reached"):
        Grid.open(config)


def test_an_agent_does_not_wait_for_a_password_to_become_right(redis_process: RedisProcess, config: Path) -> None:
    redis_process.start()
    with redis.Redis(port=redis_process.port) as client:
        client.config_set("requirepass", "another")
    agent = Started(config, "agent")
    assert agent.process.wait(30) == 2, agent.said
    assert "password" in agent.said
    assert "not-to-be-told" not in agent.said
