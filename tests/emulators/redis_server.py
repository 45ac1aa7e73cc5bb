"""Redis or Valkey: at the address in ``HTCGRID_TEST_REDIS``, in a container, or as a process of this machine."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

import redis

#: The variable that names a server, as ``redis://127.0.0.1:6379``: tests make keys under names of their own there.
ADDRESS = "HTCGRID_TEST_REDIS"
IMAGE = "redis:7"
#: How long a server may take to answer: seconds.
_PATIENCE = 120.0

#: Options of a server that forgets everything when it ends, and of one that loses nothing.
QUICK = MappingProxyType({"appendonly": "no", "maxmemory-policy": "noeviction", "save": ""})
DURABLE = MappingProxyType({"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": ""})


class MissingServiceError(Exception):
    """A service that a test needs cannot be had on this machine."""


class RedisProcess:
    """A server of a test's own, which it may stop, kill and start again."""

    def __init__(self, folder: Path, options: Mapping[str, str] = QUICK) -> None:
        self.folder = folder
        self.port = free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self, *, also: Sequence[str] = ()) -> None:
        """Start it, and return once it answers; it listens on these addresses, too."""
        self.folder.mkdir(parents=True, exist_ok=True)
        options = {"port": str(self.port), "dir": str(self.folder), **self._options}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._run("--bind", "127.0.0.1", *also, *words)

    def kill(self) -> None:
        """End it at once: what it has not given to the system is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it in good order."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(_PATIENCE)

    def _run(self, *words: str) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen([server(), *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        with redis.Redis(port=self.port, socket_timeout=5) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    assert self._process is not None
                    assert self._process.poll() is None, (self.folder / "server.log").read_text()
                    assert time.monotonic() < deadline, "the server does not answer"
                    time.sleep(0.02)


def server() -> str:
    """Return the program of a server on this machine.

    Raises:
        MissingServiceError: there is none.
    """
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    raise MissingServiceError(f"no Redis: apt-get install redis-server, or name one in {ADDRESS}")


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def named() -> str | None:
    """Return the address that the environment names, if it does."""
    return os.environ.get(ADDRESS)


class RedisClusterProcesses:
    """Three servers that are one cluster, without replicas."""

    def __init__(self, folder: Path, options: Mapping[str, str] = QUICK) -> None:
        options = {**options, "cluster-enabled": "yes", "cluster-node-timeout": "2000"}
        # Else it is the port and 10,000, which may be no port.
        self._buses = [free_port() for _ in range(3)]
        self.nodes = [
            RedisProcess(folder / str(number), {**options, "cluster-port": str(bus)})
            for number, bus in enumerate(self._buses)
        ]

    @property
    def url(self) -> str:
        """Where one of them is."""
        return self.nodes[0].url

    def start(self) -> None:
        """Start them, share the slots out, and return once they serve all of them."""
        bounds = (0, 5461, 10923, 16384)
        for node, first, last in zip(self.nodes, bounds, bounds[1:], strict=False):
            node.start()
            with redis.Redis(port=node.port) as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last - 1)
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port, self._buses[0])
        deadline = time.monotonic() + _PATIENCE
        for node in self.nodes:
            with redis.Redis(port=node.port) as client:
                while not self._serves_all(client):
                    assert time.monotonic() < deadline, "the nodes do not become a cluster"
                    time.sleep(0.05)

    def stop(self) -> None:
        """End them."""
        for node in self.nodes:
            node.stop()

    def move(self, slot: int, to: int, *, pause: float = 0.0) -> int:
        """Move a slot to a node, its keys one by one and ``pause`` seconds apart, as a resharding does; count the keys.

        The steps are those of https://redis.io/docs/latest/commands/cluster-setslot/.
        """
        with ExitStack() as stack:
            clients = [stack.enter_context(redis.Redis(port=node.port, decode_responses=True)) for node in self.nodes]
            names = [str(client.execute_command("CLUSTER", "MYID")) for client in clients]
            home = next(number for number, client in enumerate(clients) if self._has(client, names[number], slot))
            if home == to:
                return 0
            clients[to].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", names[home])
            clients[home].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", names[to])
            moved = 0
            while keys := clients[home].execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1):
                clients[home].execute_command("MIGRATE", "127.0.0.1", self.nodes[to].port, "", 0, 5000, "KEYS", *keys)
                moved += len(keys)
                time.sleep(pause)
            for number in (to, home, *range(len(clients))):
                clients[number].execute_command("CLUSTER", "SETSLOT", slot, "NODE", names[to])
            return moved

    @staticmethod
    def _has(client: redis.Redis, name: str, slot: int) -> bool:
        """Return whether a node has a slot."""
        rows = client.execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]
        return any(first <= slot <= last and name in primary for first, last, primary, *_ in rows)

    @staticmethod
    def _serves_all(client: redis.Redis) -> bool:
        info = client.execute_command("CLUSTER", "INFO")  # type: ignore[no-untyped-call]
        text = str(info)
        return ("cluster_state:ok" in text or "'cluster_state': 'ok'" in text) and (
            "cluster_known_nodes:3" in text or "'cluster_known_nodes': '3'" in text
        )


class RedisSentinelProcess(RedisProcess):
    """A Sentinel that alone decides when a primary is down."""

    def __init__(self, folder: Path, name: str, primary: RedisProcess) -> None:
        super().__init__(folder, {})
        self._name = name
        self._primary = primary

    def start(self, *, also: Sequence[str] = ()) -> None:
        """Start it, and return once it answers; it listens on these addresses, too."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "sentinel.conf"
        file.write_text(
            f"bind {' '.join(('127.0.0.1', *also))}\nport {self.port}\ndir {self.folder}\n"
            f"sentinel monitor {self._name} 127.0.0.1 {self._primary.port} 1\n"
            f"sentinel down-after-milliseconds {self._name} 500\n"
            f"sentinel failover-timeout {self._name} 3000\n"
        )
        self._run(str(file), "--sentinel")
