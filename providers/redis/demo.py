"""``make demo PROVIDER=redis``: the demo on a grid on Redis, with a server of its own unless one is named.

``HTCGRID_REDIS`` names one, as ``redis://127.0.0.1:6379``; else ``redis-server`` or ``valkey-server`` is started here,
on a free port, and ended with the demo.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.emulators.redis_server import DURABLE, MissingServiceError, RedisProcess


def main() -> int:
    """Run the demo; return its exit status."""
    with tempfile.TemporaryDirectory(prefix="htcgrid-demo-") as folder, _server(Path(folder)) as url:
        command = [sys.executable, "-P", "-m", "htcgrid.cli"]
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
    server = RedisProcess(folder, {**DURABLE, "maxmemory": "500mb"})
    try:
        server.start()
    except MissingServiceError:
        sys.exit("the demo needs a Redis: apt install redis-server, or name one in HTCGRID_REDIS")
    try:
        yield server.url
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
