"""``make demo PROVIDER=redis``: the demo on a grid on Redis, with a server of its own unless one is named.

``HTCGRID_REDIS`` names one, as ``redis://127.0.0.1:6379``; else ``redis-server`` or ``valkey-server`` is started here,
on a free port, and ended with the demo.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

_PATIENCE = 20.0


def main() -> int:
    """Run the demo; return its exit status."""
    with tempfile.TemporaryDirectory(prefix="htcgrid-demo-") as folder, _server(Path(folder)) as url:
        command = [sys.executable, "-m", "htcgrid.cli"]
        made = subprocess.run(
            [*command, "init", "--provider", "redis"], capture_output=True, text=True, check=True
        ).stdout
        file = Path(folder, "grid.toml")
        file.write_text(made.replace("redis://127.0.0.1:6379", url), encoding="utf-8")
        return subprocess.run([*command, "demo", "--config", str(file), *sys.argv[1:]], check=False).returncode


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    if url := os.environ.get("HTCGRID_REDIS"):
        yield url
        return
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        sys.exit("the demo needs a Redis: apt install redis-server, or name one in HTCGRID_REDIS")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--appendonly", "yes"]
    options += ["--appendfsync", "always", "--save", "", "--maxmemory", "500mb", "--maxmemory-policy", "noeviction"]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as server:
        try:
            _wait(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    with redis.Redis(port=port) as client:
        while True:
            try:
                client.ping()
                return
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    sys.exit("the server that was started does not answer")
                time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
