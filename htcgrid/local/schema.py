"""The tables of the state file.

The rows of ``bundles`` are those that are not ended: a bundle without an open task is deleted, and ``submitted`` keeps
its digest, so nothing grows slower with what has ended. A bundle's row stays small, since every claim, renewal and
commit writes it; payloads are written once, in ``submitted``, and outcomes once, in ``log``.
"""

import sqlite3
from enum import IntEnum
from pathlib import Path

from htcgrid.errors import ConfigError

#: "HTCG": what tells a grid's file from other people's (https://sqlite.org/pragma.html#pragma_application_id).
APPLICATION_ID = 0x48544347
VERSION = 3
#: When a bundle that was begun before is due: long ago, and so it stands before all that was due always.
AGAIN = 1.0
#: When one that is suspect is due: it stands behind all else, and one at a time is told of beside it.
SUSPECT = -1.0
#: A pending bundle is hinted again after this time, whatever the queue holds, and then after twice as long: seconds.
LATE = 600.0


class SessionRow(IntEnum):
    """States of a session as stored; those below CANCELLED are run, those from DELETED on are found by nobody."""

    OPEN = 0
    SEALED = 1
    CANCELLED = 2
    DELETED = 3
    #: Collected to its end; with a time to expire, it is collected once more then.
    COLLECTED = 4


class BundleRow(IntEnum):
    """States of a bundle as stored."""

    PENDING = 0
    RUNNING = 1


_TABLES = (
    "CREATE TABLE grid (longest_delay REAL NOT NULL)",
    "INSERT INTO grid VALUES (0)",
    """
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        sid TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, schema INTEGER NOT NULL,
        pool TEXT NOT NULL, priority INTEGER NOT NULL,
        state INTEGER NOT NULL, total INTEGER NOT NULL, entries INTEGER NOT NULL DEFAULT 0,
        succeeded INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, cancelled INTEGER NOT NULL DEFAULT 0,
        created REAL NOT NULL, keep REAL NOT NULL, expires REAL, sweep INTEGER NOT NULL DEFAULT 0, header BLOB NOT NULL
    )""",
    "CREATE INDEX sessions_listed ON sessions (created, id) WHERE state < 3",
    "CREATE INDEX sessions_expiring ON sessions (expires) WHERE expires IS NOT NULL",
    "CREATE INDEX sessions_deleted ON sessions (id) WHERE state = 3",
    "CREATE INDEX sessions_swept ON sessions (id) WHERE sweep = 1",
    """
    CREATE TABLE submitted (
        session INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, digest TEXT NOT NULL,
        size INTEGER NOT NULL, key TEXT, data BLOB, PRIMARY KEY (session, start)
    ) WITHOUT ROWID""",
    """
    CREATE TABLE bundles (
        session INTEGER NOT NULL, start INTEGER NOT NULL, birth TEXT NOT NULL, stop INTEGER NOT NULL,
        root INTEGER NOT NULL, pool TEXT NOT NULL, priority INTEGER NOT NULL, tasks INTEGER NOT NULL,
        state INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0,
        hint_at REAL NOT NULL, hinted INTEGER NOT NULL DEFAULT 0,
        attempt INTEGER NOT NULL DEFAULT 0, beat INTEGER NOT NULL DEFAULT 0, nonce TEXT, agent TEXT, lease REAL,
        lapses INTEGER NOT NULL DEFAULT 0, lapses_alone INTEGER NOT NULL DEFAULT 0,
        open BLOB, tries BLOB, PRIMARY KEY (session, start, birth)
    ) WITHOUT ROWID""",
    "CREATE INDEX bundles_pending ON bundles (pool, priority, due DESC, session, start, birth, state) WHERE state = 0",
    "CREATE INDEX bundles_unhinted ON bundles (hint_at) WHERE state = 0",
    "CREATE INDEX bundles_delayed ON bundles (due) WHERE state = 0 AND due > 0",
    "CREATE INDEX bundles_ripening ON bundles (pool, due) WHERE state = 0 AND due > 0",
    "CREATE INDEX bundles_running ON bundles (session) WHERE state = 1",
    """
    CREATE TABLE log (
        session INTEGER NOT NULL, n INTEGER NOT NULL, entry BLOB NOT NULL, PRIMARY KEY (session, n)
    ) WITHOUT ROWID""",
    """
    CREATE TABLE hints (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- a number that came again would delete another hint
        pool TEXT NOT NULL, priority INTEGER NOT NULL, visible REAL NOT NULL, body BLOB NOT NULL
    )""",
    "CREATE INDEX hints_waiting ON hints (pool, priority DESC, id)",
    """
    CREATE TABLE agents (
        id TEXT PRIMARY KEY, pool TEXT NOT NULL, heard REAL NOT NULL, report BLOB NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX agents_heard ON agents (heard, id, pool)",
    """
    CREATE TABLE damaged (
        session INTEGER NOT NULL, start INTEGER NOT NULL, birth BLOB NOT NULL, until REAL NOT NULL, pause REAL NOT NULL,
        what TEXT NOT NULL, place TEXT NOT NULL, why TEXT NOT NULL, PRIMARY KEY (session, start, birth)
    ) WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)


_FACTS = """
SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
    (SELECT count(*) FROM sqlite_master)
"""


def is_prepared(connection: sqlite3.Connection, file: Path) -> bool:
    """Return whether the file has its tables, as it was at one moment.

    Raises:
        ConfigError: the file is another program's, or of another version of this one.
    """
    # In one statement: another process may be about to make them.
    application, version, tables = connection.execute(_FACTS).fetchone()
    if application == APPLICATION_ID and version == VERSION:
        return True
    if application == APPLICATION_ID:
        raise ConfigError(
            f"{file} has schema {version}, and this htcgrid knows schema {VERSION}: "
            "use the version of htcgrid that wrote it, or name another folder as 'path'"
        )
    if application or version or tables:
        raise ConfigError(f"{file} is an SQLite file of another program; name another folder as 'path'")
    return False


def prepare(connection: sqlite3.Connection, file: Path) -> None:
    """Make the tables, unless another process has done so by now; the caller holds the gate.

    Raises:
        ConfigError: see :func:`is_prepared`; or the file system is none for it.
    """
    if not is_prepared(connection, file):
        _create(connection, file)


def _create(connection: sqlite3.Connection, file: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise ConfigError(
            f"{file} stands on a file system without shared memory; name a folder on a local disk as 'path'"
        )
    connection.execute("BEGIN IMMEDIATE")
    for statement in _TABLES:
        connection.execute(statement)
    connection.execute("COMMIT")
