"""A local grid whose file somebody damages while its agents run."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from htcgrid import Grid
from htcgrid.local.queue import SqliteTaskQueue
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import SessionId
from htcgrid.testing import Vandal, VandalContract
from tests.processes.serving import serving

_GRID = """
[state]
provider = "local"
path = "state"

[agent]
handlers = ["htcgrid.testing.handlers:*"]
workers = 1
heartbeat = 0.5
report = 0.5
"""
_OF = "session = (SELECT id FROM sessions WHERE sid = ?)"
#: By kind: the table, the column and the row.
_PLACES = {
    "header": ("sessions", "header", "sid = ?"),
    "facts": ("sessions", "total", "sid = ?"),
    "bundle": ("bundles", "open", f"{_OF} AND start = 0"),
    "payloads": ("submitted", "data", f"{_OF} AND start = 0"),
    "log": ("log", "entry", _OF),
    "report": ("agents", "report", "id = ?"),
}


class FileVandal(Vandal):
    """Writes into the file."""

    def __init__(self, folder: Path) -> None:
        self.state = SqliteStateStore(folder)
        self.queue = SqliteTaskQueue(folder)
        self._file = folder / "grid.db"

    def close(self) -> None:
        self.state.close()
        self.queue.close()

    def read(self, kind: str, session: SessionId) -> bytes:
        if kind == "hint":
            return b""
        table, column, row = _PLACES[kind]
        with closing(self._opened()) as connection:
            found = connection.execute(f"SELECT CAST({column} AS BLOB) FROM {table} WHERE {row}", (session,)).fetchone()
        return found[0] if found and found[0] is not None else b""

    def write(self, kind: str, session: SessionId, data: bytes | None) -> None:
        with closing(self._opened()) as connection:
            if kind == "hint":
                sql = "INSERT INTO hints (pool, priority, visible, body) VALUES ('default', 3, 0, ?)"
                connection.execute(sql, (data or b"",))
                return
            table, column, row = _PLACES[kind]
            if data is None:
                connection.execute(f"DELETE FROM {table} WHERE {row}", (session,))
            else:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {row}", (data, session))

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=60, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = OFF")
        return connection


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("vandal")
    (folder / "grid.toml").write_text(_GRID)
    with serving(folder / "grid.toml", agents=2):
        yield folder


@pytest.fixture(scope="module")
def grid(folder: Path) -> Iterator[Grid]:
    with Grid.open(folder / "grid.toml") as grid:
        yield grid


@pytest.fixture(scope="module")
def vandal(folder: Path) -> Iterator[Vandal]:
    with closing(FileVandal(folder / "state")) as vandal:
        yield vandal


@pytest.mark.xdist_group("local vandal")
class TestLocalGridWithAVandal(VandalContract):
    @pytest.fixture
    def grid(self, grid: Grid) -> Grid:
        return grid

    @pytest.fixture
    def vandal(self, vandal: Vandal) -> Vandal:
        return vandal
