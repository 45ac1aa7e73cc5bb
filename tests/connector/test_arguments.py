"""What is no argument is refused before anything is stored or started."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from htcgrid import Grid
from htcgrid.errors import ConfigError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"retry": 3}, r"retry must be a RetryPolicy, as RetryPolicy\(tries=3\), not 3"),
        ({"timeout": timedelta(0)}, "timeout must be a timedelta of more than zero"),
        ({"timeout": float("nan")}, "timeout must be a number of seconds"),
        ({"labels": 5}, "labels must be at most 32 pairs"),
        ({"labels": {f"label{number}": "" for number in range(33)}}, "labels must be at most 32 pairs"),
        ({"id": ""}, "session id '' is not usable"),
        ({"id": 5}, "session id 5 is not usable"),
        ({"handler": "m" * 1000 + ":f"}, "a handler's name must have 1 to 1000 letters"),
        ({"handler": "no\udcff:f"}, "a handler's name must have 1 to 1000 letters that UTF-8 has"),
        ({"labels": {"desk": "\udcff"}}, "labels must be at most 32 pairs"),
    ],
)
def test_an_argument_that_could_not_be_read_back_is_refused(
    grid: Grid, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        grid.submit(**{"handler": "builtins:len", "tasks": ["a"]} | arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workers": 0}, "`workers` must be from 1 to 1024, not 0"),
        ({"workers": "two"}, "key `workers`"),
        ({"folder": 5}, "folder must be a path, not 5"),
        ({"folder": ""}, "folder must be a path, not ''"),
        ({"quiet": "no"}, "quiet must be True or False, not 'no'"),
        ({"config": 5}, "config must be a grid.toml's path or a mapping, not 5"),
    ],
)
def test_a_grid_that_cannot_be_is_refused_and_leaves_nothing_behind(
    arguments: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ConfigError, match=message):
        Grid.open(**arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match=f"cannot use the folder {folder}: .*; name one that this user can"):
            Grid.open(folder=folder)


def test_a_folder_s_name_that_no_file_system_takes_is_told() -> None:
    with pytest.raises(ConfigError, match=r"cannot use the folder .*: (mkdir: )?embedded null (byte|character)"):
        Grid.open(folder="gr\0id")
    with pytest.raises(ConfigError, match=r"\[state\]: `path` must name a folder, and no name has a NUL"):
        Grid.open({"state": {"provider": "local", "path": "gr\0id"}})


def test_a_machine_without_a_place_for_temporary_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    monkeypatch.setattr("htcgrid.temporary._PLACES", (str(tmp_path / "nor here"),))
    with pytest.raises(ConfigError, match=r"no place for a temporary folder: .*nowhere.*; set \$TMPDIR, or give it a"):
        Grid.open()


def test_an_id_that_no_encoding_has_is_told(grid: Grid) -> None:
    with pytest.raises(ConfigError, match="has letters that UTF-8 does not have; use others"):
        grid.session("\ud800")
