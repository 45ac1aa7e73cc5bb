"""The measures that are held against targets: each can be made, and is held against the right one."""

import json
import statistics
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.grids import GRIDS
from benchmarks.settings import Settings
from benchmarks.targets import TARGETS, Target
from htcgrid.bench.bench import Row


def test_every_measure_can_be_made_and_every_target_is_held_against_one() -> None:
    names = [*command.ALONE, *command.GROUPS, *command.APART]
    rows = list(command.measured("local", names, Settings(runs=1, share=0.001)))
    assert len({row.name for row in rows}) == len(rows)
    assert all(row.unit and len(row.values) >= 1 for row in rows)
    assert {name for kind, name in TARGETS if kind == "local"} <= {row.name for row in rows}
    assert {kind for kind, _ in TARGETS} <= GRIDS.keys()


def test_a_median_is_held_against_its_target() -> None:
    name = "10,000 tasks"
    limit = TARGETS["local", name].limit
    good, bad = Row(name, "tasks/s", [0.0, limit, limit + 1]), Row(name, "tasks/s", [0.0, limit - 1, limit + 1])
    assert [command.missed("local", row) for row in (good, bad)] == [False, True]
    assert [command.missed("redis", row) for row in (good, bad)] == [False, False]
    assert command.line("local", good).endswith("≥ 40,000  ok")
    assert command.line("local", bad).endswith("≥ 40,000  MISSED")


def test_a_ceiling_is_not_exceeded() -> None:
    assert [Target(5, more=False).holds(value) for value in (4.9, 5.0, 5.1)] == [True, True, False]


def test_the_command_prints_and_writes_what_it_measured_and_tells_of_a_miss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "numbers.json"
    row = Row("htcgrid --help", "ms", [100.0, 300.0, 280.0])
    monkeypatch.setattr(command, "measured", lambda *_: iter([row]))
    monkeypatch.setattr("sys.argv", ["benchmarks", "--json", str(file)])
    assert command.main() == 0
    said = capsys.readouterr().out
    assert "280 ms" in said
    assert "≤ 250  MISSED" in said
    assert "not measured: 10,000 tasks;" in said
    [facts] = json.loads(file.read_text())["measures"]
    assert facts == {"grid": "local", "name": row.name, "unit": "ms", "values": row.values}
    assert statistics.median(facts["values"]) == 280.0
