"""The state file in good and bad condition."""

import fcntl
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from htcgrid.errors import ConfigError, HtcGridError, ProviderError, ProviderUnavailableError
from htcgrid.local.database import Database
from htcgrid.local.schema import VERSION
from htcgrid.local.state import SqliteStateStore
from htcgrid.testing.samples import bundles_of, session_of
from tests.quickest import quickest

NOBODY = 65534
SHORT = timedelta(milliseconds=100)


@pytest.fixture
def file(folder: Path) -> Path:
    """Return the state file of a grid that was used and closed."""
    with closing(SqliteStateStore(folder)) as store:
        session = session_of()
        store.create(session, bundles_of(session, 400, tasks=10))
    return folder / "grid.db"


@contextmanager
def unprivileged() -> Iterator[None]:
    """Let the block run as a user who may not write everywhere."""
    if os.getuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_folder_is_made_with_all_above_it(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "a" / "b" / "c")) as database:
        assert database.file.is_file()


def test_a_file_in_the_place_of_the_folder_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "grid").write_text("mine")
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path / 'grid'} cannot be made")):
        Database(tmp_path / "grid")


def test_a_file_that_is_not_sqlite_is_refused_and_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "grid.db").write_text("a novel of mine, in many chapters")
    with pytest.raises(ConfigError, match=r"grid\.db is not the state file of a grid; name another folder"):
        Database(folder)
    assert (folder / "grid.db").read_text() == "a novel of mine, in many chapters"


def test_an_sqlite_file_of_another_program_is_refused_and_left_alone(folder: Path) -> None:
    folder.mkdir()
    with closing(sqlite3.connect(folder / "grid.db")) as other:
        other.execute("CREATE TABLE recipes (name)")
    before = (folder / "grid.db").read_bytes()
    with pytest.raises(ConfigError, match=r"grid\.db is an SQLite file of another program"):
        Database(folder)
    assert (folder / "grid.db").read_bytes() == before


def test_a_file_of_a_later_version_is_refused(file: Path) -> None:
    with closing(sqlite3.connect(file)) as other:
        other.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(ConfigError, match=f"has schema {VERSION + 1}, and this htcgrid knows schema {VERSION}"):
        Database(file.parent)


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_file_that_was_cut_short_is_said_to_be_damaged(file: Path, part: float) -> None:
    os.truncate(file, int(file.stat().st_size * part))
    with pytest.raises(ProviderError, match=r"grid\.db: it is damaged or cut short; restore it"):
        Database(file.parent)


def test_a_file_with_pages_of_garbage_never_raises_an_error_of_sqlite(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:] = b"\x5a" * (len(data) - 4096)
    file.write_bytes(data)
    with pytest.raises(ProviderError, match="damaged"), closing(SqliteStateStore(file.parent)) as store:
        store.sessions()


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Return a used grid's folder that every user can reach, since a test of root's must become another user.

    Not in pytest's own folder, which is root's alone: to open that and to shut it again is seen by tests beside this.
    """
    with tempfile.TemporaryDirectory(prefix="htcgrid-public-") as name:
        folder = Path(name)
        with closing(SqliteStateStore(folder)):
            pass
        folder.chmod(0o755)
        if any(not above.stat().st_mode & 0o001 for above in folder.parents):
            pytest.skip(f"no other user can reach {folder.parent}")
        yield folder


@pytest.mark.parametrize("name", ["grid.db", "grid.db.lock"])
def test_a_file_that_cannot_be_written_is_said_so(public_folder: Path, name: str) -> None:
    if os.getuid() == 0:
        os.chown(public_folder, NOBODY, -1)
    for file in public_folder.glob("grid.db*"):
        file.chmod(0o444 if file.name == name else 0o666)
    with pytest.raises(ConfigError, match=rf"{public_folder}/\S+ cannot be written.*writable"), unprivileged():
        Database(public_folder)


def test_a_gate_that_another_process_holds_makes_the_store_unavailable(file: Path) -> None:
    with closing(Database(file.parent, SHORT)) as database, (file.parent / "grid.db.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ProviderUnavailableError, match="another process holds the state file"), database.writing():
            pass
        fcntl.flock(lock, fcntl.LOCK_UN)
        with database.writing():
            pass


def test_a_file_that_another_program_writes_to_makes_the_store_unavailable(file: Path) -> None:
    with closing(Database(file.parent, SHORT)) as database, closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ProviderUnavailableError, match=r"grid\.db: another process holds the state file"):
            database.writing().__enter__()
        other.execute("ROLLBACK")
        with database.writing():
            pass


def test_a_full_disk_makes_the_store_unavailable_and_leaves_it_whole(file: Path) -> None:
    with closing(SqliteStateStore(file.parent)) as store:
        with store._database.writing() as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
        with store._database._gate:
            store._database._writer.execute(f"PRAGMA max_page_count = {pages}")
        session = session_of()
        with pytest.raises(ProviderUnavailableError, match=r"grid\.db: the disk is full"):
            store.create(session, bundles_of(session, 2000))
        assert [status.total for status in store.sessions().sessions] == [4000]


def test_a_closed_store_says_so_and_may_be_closed_again(folder: Path) -> None:
    store = SqliteStateStore(folder)
    store.close()
    store.close()
    with pytest.raises(ProviderError, match="was closed; open it again"):
        store.sessions()
    with pytest.raises(ProviderError, match="was closed; open it again"):
        store.create(session_of())


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_was_deleted_or_replaced_while_it_was_open_is_said_so(folder: Path, *, replaced: bool) -> None:
    with closing(SqliteStateStore(folder)) as store:
        store.create(session_of())
        shutil.rmtree(folder)
        if replaced:
            SqliteStateStore(folder).close()
        with pytest.raises(ProviderError, match="was deleted, moved or replaced while it was open"):
            store.sessions()
        with pytest.raises(ProviderError, match="was deleted, moved or replaced while it was open"):
            store.create(session_of())


def changed_in_vain(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE grid SET longest_delay = 7")
    connection.execute("SELECT * FROM nowhere")


def test_an_error_inside_a_transaction_leaves_nothing_of_it(folder: Path) -> None:
    with closing(Database(folder)) as database:
        with pytest.raises(ProviderError, match="no such table"), database.writing() as connection:
            changed_in_vain(connection)
        with database.reading() as connection:
            assert connection.execute("SELECT longest_delay FROM grid").fetchone() == (0,)


CREATE = """
import sys
from pathlib import Path
from htcgrid.local.state import SqliteStateStore
from htcgrid.testing.samples import session_of
sys.stdin.read(1)
SqliteStateStore(Path(sys.argv[1])).create(session_of())
"""


def test_processes_that_make_the_file_at_once_share_it(folder: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE, folder], stdin=subprocess.PIPE, env=os.environ | {"PYTHONPATH": "."}
        )
        for _ in range(4)
    ]
    for child in children:
        child.communicate(b"!", timeout=60)
    assert [child.returncode for child in children] == [0] * 4
    with closing(SqliteStateStore(folder)) as store:
        assert len(store.sessions().sessions) == 4


WRITE = """
import sys
from pathlib import Path
from htcgrid.local.state import SqliteStateStore
from htcgrid.testing.samples import bundles_of, session_of
store = SqliteStateStore(Path(sys.argv[1]))
while True:
    session = session_of()
    store.create(session, bundles_of(session, 20, tasks=50), sealed=True)
    print(session.id, flush=True)
"""


def test_a_kill_in_the_middle_of_writing_loses_nothing_that_was_acknowledged(folder: Path) -> None:
    env = os.environ | {"PYTHONPATH": "."}
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", WRITE, folder], stdout=subprocess.PIPE, text=True, env=env)
        assert child.stdout is not None
        acknowledged = [child.stdout.readline().strip() for _ in range(20)]
        child.send_signal(signal.SIGKILL)
        acknowledged += child.stdout.read().split("\n")[:-1]
        child.wait()
        child.stdout.close()
        with closing(SqliteStateStore(folder)) as store:
            assert {status.total for status in store.status(acknowledged)} == {1000}  # type: ignore[arg-type]
            with store._database.reading() as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_store_from_before_a_fork_says_so_in_the_child(folder: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from htcgrid.errors import ProviderError
from htcgrid.local.state import SqliteStateStore
store = SqliteStateStore(Path(sys.argv[1]))
if os.fork() == 0:
    try:
        store.sessions()
    except ProviderError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
print(len(store.sessions().sessions))
"""
    command = [sys.executable, "-c", code, str(folder)]
    env = os.environ | {"PYTHONPATH": "."}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)
    assert re.search(r"opened before this process was forked; open the grid in each\n0\n$", ran.stdout), ran


def test_writers_of_many_threads_and_stores_take_turns(folder: Path) -> None:
    failures: list[HtcGridError] = []

    def write(database: Database) -> None:
        try:
            for _ in range(50):
                with database.writing(durable=False) as connection:
                    connection.execute("UPDATE grid SET longest_delay = longest_delay + 1")
        except HtcGridError as error:
            failures.append(error)

    with closing(Database(folder)) as one, closing(Database(folder)) as two:
        threads = [threading.Thread(target=write, args=(database,)) for database in (one, two) * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with one.reading() as connection:
            assert connection.execute("SELECT longest_delay FROM grid").fetchone() == (400,)
    assert failures == []


def test_waiting_at_the_gate_ends_soon_after_it_opens(folder: Path) -> None:
    with closing(Database(folder)) as one, closing(Database(folder)) as two:

        def waited() -> float:
            waits: list[float] = []

            def wait() -> None:
                with two.writing():
                    waits.append(time.monotonic())

            thread = threading.Thread(target=wait)
            with one.writing():
                thread.start()
                time.sleep(0.02)
                left = time.monotonic()
            thread.join()
            return waits[0] - left

        assert quickest(waited, 0.1) < 0.1


def test_opening_the_grid_twice_in_a_process_keeps_its_locks(folder: Path) -> None:
    # Closing any descriptor of a file drops all of a process's locks on it. Another process that closes its own
    # connections then takes itself for the last one, and removes the log under those that still use it.
    first = Database(folder)
    second = Database(folder)
    try:
        script = """
import sys
from pathlib import Path
from htcgrid.local.database import Database
Database(Path(sys.argv[1])).close()
"""
        subprocess.run([sys.executable, "-c", script, str(folder)], check=True, timeout=60)
        for database in (first, second):
            with database.writing() as connection:
                connection.execute("UPDATE grid SET longest_delay = longest_delay + 1")
            with database.reading() as connection:
                assert connection.execute("SELECT longest_delay FROM grid").fetchone()
    finally:
        first.close()
        second.close()
