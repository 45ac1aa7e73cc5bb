"""Clocks that a task leaves patched: the worker's own go on, and another one takes its place."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from htcgrid.model.outcome import Block
from htcgrid.model.session import KeepOutput
from htcgrid_agent.runtimes.python.clocks import Clocks
from htcgrid_agent.workers.messages import RunTasks, Setup
from tests.agent.test_process import Heard, next_report

ROOT = Path(__file__).parents[2]
#: How a task stops the time, or what the worker's loop cannot do without.
PATCHES = {
    "replaced": "time.time = time.monotonic = time.monotonic_ns = time.perf_counter_ns = lambda: 0",
    "none": "time.time = time.monotonic = time.monotonic_ns = time.perf_counter_ns = None",
    "mocked": "[unittest.mock.patch(f'time.{n}').start() for n in ('time', 'monotonic_ns', 'perf_counter_ns')]",
    "frozen": "freezegun.freeze_time('2001-01-01').start()",
    "frozen and ticking": "freezegun.freeze_time('2001-01-01', tick=True).start()",
    "frozen and stepping": "freezegun.freeze_time('2001-01-01', auto_tick_seconds=1000).start()",
    "deleted": "del time.time, time.sleep, dt.date",
    "of the system": "os.getpid = os._exit = os.fstat = os.dup2 = None; time.sleep = None",
}


@pytest.fixture
def worker() -> Iterator[Heard]:
    process = Heard(0)
    process.send(Setup("a/0", [bytes(ROOT)], 1000, 0))
    try:
        assert next_report(process) is not None
        yield process
    finally:
        process.kill()
        process.end()
        process.close()


@pytest.mark.parametrize("name", PATCHES)
def test_the_worker_s_own_clocks_go_on(worker: Heard, name: str) -> None:
    wait = "import select; select.select([], [], [], 0.03); print('waited')"
    left = "result = 0 < CONTEXT.remaining() < 100"
    codes = [PATCHES[name], wait, left, wait]
    payloads = [msgspec.json.encode(code) for code in codes]
    began = time.time()
    worker.send(
        RunTasks(1, "s", "tests.agent.leaving:do_with_context", "json", 100.0, {}, 0, payloads, {}, KeepOutput.ALL)
    )
    blocks, worn = list[Block](), False
    while not worn:
        report = next_report(worker)
        assert report is not None
        blocks += [report.block] if report.block else []
        assert not report.done or report.worn
        worn = report.worn
        assert (look := worker.cell.look()) is None or abs(look[1] - time.monotonic()) < 60
    assert [block.failures for block in blocks] == [{}] * len(blocks)
    assert all(began - 1 < block.began < time.time() + 1 for block in blocks)
    durations = [duration for block in blocks for duration in block.durations]
    assert all(30_000 <= durations[index] < 60_000_000 for index in (1, 3))
    assert [value for block in blocks for value in block.values] == [b"null", b"null", b"true", b"null"]
    assert {index: said.stdout for block in blocks for index, said in block.printed.items()} == {
        1: "waited\n",
        3: "waited\n",
    }


def test_clocks_that_are_patched_below_their_names_are_known_by_their_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks()
    seen = [clocks.changed]
    monkeypatch.setattr(Clocks, "_wall", staticmethod(lambda: 1e9))
    seen.append(clocks.changed)
    clocks.keep()
    assert [*seen, clocks.changed] == [False, True, False]


def test_clocks_that_a_module_patches_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks()
    seen = [clocks.changed]
    monkeypatch.setattr(time, "strftime", os.getcwd)
    seen.append(clocks.changed)
    clocks.keep()
    assert [*seen, clocks.changed] == [False, True, False]
