"""Agents and a client on hosts of their own, one of which is cut off: network namespaces of this machine."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from htcgrid.testing.samples import new_id
from tests.emulators.redis_server import QUICK, RedisProcess

_NET = "10.213.77"
_TOML = """
[state]
provider = "redis"
url = "redis://{net}.1:{port}"
name = "{name}"
timeout = 2
connect_timeout = 1

[agent]
handlers = ["htcgrid.testing.handlers:*"]
workers = 1
lease = 4
heartbeat = 1
"""
#: Submits, and prints where each task ran.
_CLIENT = """
import sys
from htcgrid import Grid
with Grid.open(sys.argv[1]) as grid:
    session = grid.submit("htcgrid.testing.handlers:sleep", [0.05] * 300)
    print("accepted", flush=True)
    for outcome in session.outcomes(timeout=120):
        print(outcome.worker.partition("/")[0], outcome.succeeded, flush=True)
"""


class Hosts:
    """Hosts with an address each, at a bridge that this machine is at, too."""

    def __init__(self) -> None:
        self._mark = os.urandom(2).hex()
        self._bridge = f"hg{self._mark}"
        self._hosts: list[str] = []
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("addr", "add", f"{_NET}.1/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")

    def add(self) -> str:
        """Add a host; return its name."""
        number = len(self._hosts) + 2
        host, here = f"hg{self._mark}-{number}", f"hv{self._mark}{number}"
        _ip("netns", "add", host)
        self._hosts.append(host)
        _ip("link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", host)
        _ip("link", "set", here, "master", self._bridge, "up")
        _ip("-n", host, "addr", "add", f"{_NET}.{number}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            _ip("-n", host, "link", "set", device, "up")
        return host

    def cut_off(self, host: str) -> None:
        """Let nothing reach a host, or leave it."""
        _ip("-n", host, "link", "set", "eth0", "down")

    def close(self) -> None:
        """Remove them."""
        for host in self._hosts:
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "del", host)
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", self._bridge)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    if shutil.which("ip") is None:
        pytest.skip("no network namespaces: apt-get install iproute2")
    try:
        made = Hosts()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces: {error.stderr.decode().strip()}")
    yield made
    made.close()


def test_agents_on_two_hosts_share_the_work_and_one_that_is_cut_off_loses_none(hosts: Hosts, tmp_path: Path) -> None:
    # Open to the hosts of this test only, which are on this machine.
    server = RedisProcess(tmp_path / "redis", {**QUICK, "bind": f"127.0.0.1 {_NET}.1", "protected-mode": "no"})
    server.start()
    file = tmp_path / "grid.toml"
    file.write_text(_TOML.format(net=_NET, port=server.port, name=new_id()))
    names = [hosts.add() for _ in range(3)]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for agent in ("near", "far"):
            host = names[len(processes)]
            command = [
                "ip",
                "netns",
                "exec",
                host,
                sys.executable,
                "-P",
                "-m",
                "htcgrid.cli",
                "agent",
                "--config",
                str(file),
            ]
            with (tmp_path / f"{agent}.log").open("wb") as log:
                processes.append(subprocess.Popen([*command, "--id", agent], stdout=log, stderr=log))
        command = ["ip", "netns", "exec", names[2], sys.executable, "-c", _CLIENT, str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            assert client.stdout.readline() == "accepted\n"
            seen: list[str] = []
            while {"near True", "far True"} - set(seen):
                seen.append(client.stdout.readline().strip())
            hosts.cut_off(names[1])
            cut = time.monotonic()
            seen += [line.strip() for line in client.stdout]
        assert client.returncode == 0
        assert len(seen) == 300
        assert set(seen) == {"near True", "far True"}
        # What it held came back after its lease, and a server that hears nothing of it keeps nobody waiting.
        assert time.monotonic() - cut < 60
        # It gives up its work by itself, and ends when it is told to, though it reaches nobody.
        processes[1].terminate()
        assert processes[1].wait(60) == 0
    finally:
        for process in processes:
            process.kill()
            process.wait()
        server.kill()
