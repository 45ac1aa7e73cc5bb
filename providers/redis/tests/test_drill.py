"""A grid on Redis keeps its promises while its agents, workers, hints and clients are struck, and costs little idle."""

import json
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from htcgrid.testing.samples import new_id
from tests.emulators.proxy import FaultyProxy
from tests.emulators.redis_server import DURABLE, RedisProcess
from tests.quickest import quickest

_TOML = """
[state]
provider = "redis"
url = "redis://127.0.0.1:{port}"
name = "{name}"

[agent]
lease = 4
heartbeat = 1
"""


def test_a_drill_on_redis_finds_every_promise_kept(tmp_path: Path) -> None:
    server = RedisProcess(tmp_path / "redis", DURABLE)
    server.start()
    (tmp_path / "grid.toml").write_text(_TOML.format(port=server.port, name=new_id()))
    words = ["drill", "--tasks", "1000", "--minutes", "0.2", "--every", "0.5", "--seed", "3", "--json"]
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "htcgrid.cli", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    server.stop()
    told = json.loads(ran.stdout)
    assert (ran.returncode, told["broken"]) == (0, [])
    assert (told["tasks"], told["lost"], told["committed_twice"], told["wrong_bytes"]) == (1000, 0, 0, 0)
    assert {"queue-emptied", "hints-dropped", "hints-doubled"} & set(told["faults"])


def test_an_idle_agent_asks_less_than_once_a_second(redis_process: RedisProcess, tmp_path: Path) -> None:
    redis_process.start()
    with closing(FaultyProxy(redis_process.port, seed=1)) as proxy:
        file = tmp_path / "grid.toml"
        file.write_text(_TOML.format(port=proxy.port, name=new_id()))
        command = [sys.executable, "-P", "-m", "htcgrid.cli", "agent", "--config", str(file)]
        asked: list[int] = []

        def stopped_in() -> float:
            with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as agent:
                time.sleep(8)
                before = proxy.asked
                time.sleep(20)
                asked.append(proxy.asked - before)
                began = time.monotonic()
                agent.terminate()
                assert agent.wait(180) == 0
                return time.monotonic() - began

        # It does not wait for the end of its wait.
        assert quickest(stopped_in, 3.0, times=4) < 3.0
    assert all(0 < count <= 20 for count in asked)
