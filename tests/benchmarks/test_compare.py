"""The comparison with peers: its arithmetic, its catalogue, and what it makes of peers that fail."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks import compare, json_loop
from benchmarks.comparison import OURS, Measurement, Run, Spread, measurements, ratio_to_fastest, spread, table
from benchmarks.peers import environment, measurement, program
from benchmarks.peers.catalogue import PEERS
from benchmarks.program import ProgramError, output
from htcgrid.bench import measures

FOLDER = Path(program.__file__).parent
LOCKS = [*FOLDER.glob("*/requirements.txt"), FOLDER.parent / "plot" / "requirements.txt"]
PEER = PEERS[0]


def measured(rate: float, trips: tuple[float, ...] = (0.001,)) -> Measurement:
    return Measurement("1.0", 1000, 1000 / rate, trips)


def test_a_spread_is_the_median_and_the_extremes() -> None:
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([1500.0]).shown(0) == "1,500 (1,500–1,500)"


def test_percentiles_are_milliseconds_of_the_sorted_trips() -> None:
    found = measured(1.0, tuple(number / 1000 for number in reversed(range(100))))
    assert found.percentile(50) == pytest.approx(50)
    assert found.percentile(99) == pytest.approx(99)
    assert measured(1.0, (0.002,)).percentile(99) == pytest.approx(2)


def test_the_ratio_is_the_median_of_the_ratios_of_each_run() -> None:
    # Ours is ten, two and four times as fast in the runs; the ratio of the medians would be another number.
    pairs = [(1000.0, 100.0), (600.0, 300.0), (800.0, 200.0)]
    runs = [Run({OURS: measured(ours), "a": measured(a), "b": measured(50)}, 10_000) for ours, a in pairs]
    found = ratio_to_fastest(runs, ["b", "a"])
    assert found is not None
    assert found[0] == "a"
    assert found[1] == pytest.approx((4, 2, 10))


def test_there_is_no_ratio_without_a_peer() -> None:
    assert ratio_to_fastest([Run({OURS: measured(1)}, 1)], ["a"]) is None


def test_a_row_is_of_the_runs_that_did_not_fail_and_a_peer_that_always_failed_has_none() -> None:
    runs = [Run({OURS: measured(100), "a": measured(10)}, 1000), Run({OURS: measured(300)}, 1000)]
    assert len(measurements(runs, "a")) == 1
    rows = table(runs, [OURS, "a", "b"])
    assert [row.split(" | ")[0] for row in rows[2:]] == [f"| {OURS}", "| a", "| JSON loop"]
    assert "| 200 (100–300) |" in rows[2]
    assert rows[2].endswith("| 20 % |")


@pytest.mark.parametrize("said", ["", "garbage", "[1]", '{"version": "1"}', '{"version": 1, "bulk": 1, "trips": 3}'])
def test_garbage_is_no_measurement(said: str) -> None:
    with pytest.raises(ProgramError, match="no measurement"):
        program.parsed(said, tasks=1, trips=1)


def test_a_measurement_that_cannot_be_is_none() -> None:
    for facts in ({"bulk": 0.0, "trips": [1.0]}, {"bulk": 1.0, "trips": []}):
        with pytest.raises(ProgramError, match="cannot be"):
            program.parsed(json.dumps({"version": "1", **facts}), tasks=1, trips=1)


def test_the_last_line_is_the_measurement() -> None:
    said = 'a warning\n{"version": "1.2", "bulk": 2.0, "trips": [0.5]}\n'
    assert program.parsed(said, tasks=10, trips=1) == Measurement("1.2", 10, 2.0, (0.5,))


def test_a_program_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="no workers"):
        output(
            [sys.executable, "-c", "import sys; sys.exit('no workers')"],
            tmp_path / "log",
            at=tmp_path,
            variables=os.environ,
        )


def test_a_program_that_does_not_end_is_ended_with_what_it_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    script = (
        "import pathlib, subprocess, sys, time\n"
        f"pathlib.Path({str(started)!r}).write_text(str(subprocess.Popen(['sleep', '60']).pid))\n"
        "time.sleep(60)"
    )
    with pytest.raises(ProgramError, match="not ended"):
        output([sys.executable, "-c", script], tmp_path / "log", at=tmp_path, variables=os.environ, seconds=3)
    pid = int(started.read_text())
    deadline = time.monotonic() + 30
    while _lives(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    """Say whether a process runs: one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_peer_that_fails_is_told_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object, **__: object) -> Measurement:
        raise ProgramError("its broker is on fire")

    monkeypatch.setattr(compare, "GRIDS", {})
    monkeypatch.setattr(compare, "measured", failing)
    monkeypatch.setattr(json_loop, "rate", lambda *_: 1.0)
    assert compare.run({PEER: Path("python")}, tasks=1, trips=1).measurements == {}
    assert f"{PEER.name} is left out of this run: its broker is on fire" in capsys.readouterr().err


def test_a_peer_that_cannot_be_installed_is_told_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*_: object) -> Path:
        raise environment.NotInstalledError("no wheel for this machine")

    monkeypatch.setattr(compare, "interpreter", failing)
    assert compare.installed([PEER]) == {}
    assert f"{PEER.name} is left out, for it cannot be installed: no wheel" in capsys.readouterr().err


def test_an_environment_is_built_when_its_lock_changes_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[list[str]] = []

    def build(command: list[str]) -> None:
        built.append(command)
        (tmp_path / "built" / "peer").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(environment, "_run", build)
    lock = tmp_path / "peer" / "requirements.txt"
    lock.parent.mkdir()
    for text, commands in (("a==1", 2), ("a==1", 2), ("a==2", 4)):
        lock.write_text(text)
        environment.interpreter(lock.parent, tmp_path / "built")
        assert len(built) == commands


def test_an_environment_that_cannot_be_built_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "requirements.txt").write_text("")
    monkeypatch.setattr(sys, "executable", os.devnull)
    with pytest.raises(environment.NotInstalledError, match="Permission"):
        environment.interpreter(tmp_path, tmp_path / "built")


def test_every_peer_has_pages_a_measurement_and_a_lock() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    assert sum(peer.fast for peer in PEERS) == 3
    for peer in PEERS:
        assert peer.sources
        assert all(page.startswith("https://") for page in peer.sources)
        assert all((peer.settings, peer.more, peer.less))
        assert (FOLDER / peer.folder / f"{peer.module}.py").exists()
        assert (FOLDER / peer.folder / "requirements.txt") in LOCKS


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.parent.name)
def test_every_lock_has_hashes_and_no_address(lock: Path) -> None:
    lines = lock.read_text().splitlines()
    pins = [number for number, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
    assert pins
    for number in pins:
        assert "==" in lines[number]
        assert lines[number + 1].strip().startswith("--hash=sha256:")
    assert not any("://" in line or "index-url" in line or "find-links" in line for line in lines)


def test_peers_and_we_are_sent_the_same_payload() -> None:
    assert measurement.PAYLOAD == measures.PAYLOAD
    assert len(json.dumps(measurement.PAYLOAD, separators=(",", ":"))) == 120
