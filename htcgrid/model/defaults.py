"""The defaults of a grid, all in one place; docs/reference/defaults.md lists them."""

from datetime import timedelta

#: How long a claimed bundle stays with an agent that does not renew it.
LEASE = timedelta(seconds=30)
#: How often an agent renews what it holds.
HEARTBEAT = timedelta(seconds=5)
#: How often an agent tells the state store that it is there, and what it does.
REPORT = timedelta(seconds=15)
#: How long the state store remembers an agent that reports no more.
REMEMBER = timedelta(days=1)
#: How long an agent that was told to stop may finish what it runs.
GRACE = timedelta(seconds=25)
#: Work that would wait longer than this is given back.
TARGET = timedelta(seconds=2)
#: How long an outcome may wait for company before it is committed, on a local grid.
FLUSH = timedelta(milliseconds=200)
#: How often a reaper looks for lapsed leases, and how long an agent waits for hints at a time, on a local grid.
LOOK = timedelta(seconds=1)
WAIT = timedelta(milliseconds=500)
#: Runs of one task's handler before the task fails.
TRIES = 3
#: The wait before the second try; it doubles with every further one.
BACKOFF = timedelta(seconds=1)
#: The longest wait between two tries.
BACKOFF_LIMIT = timedelta(seconds=60)
#: Leases that may lapse on a task which is alone in its bundle before it fails.
LAPSES_ALONE = 4
#: Lapses after which a bundle is run one task at a time.
LAPSES_SUSPECT = 2
#: Most tasks in one bundle.
BUNDLE_TASKS = 4096
#: Most bytes of payloads in one bundle of several tasks.
BUNDLE_BYTES = 1 << 20
#: Most tasks of a generator that are accepted and have not ended.
AHEAD = 1_000_000
#: Most calls that a map makes before their results are taken.
AHEAD_OF_MAP = 20_000
#: How long a client that waits for outcomes, or submits beside its caller, asks a service that cannot be reached.
PATIENCE = timedelta(seconds=60)
#: How long nothing of a session goes on before whoever waits for it is told why, on a local grid.
NOTICE = timedelta(seconds=3)
#: Most bytes of one payload or one result.
PAYLOAD_BYTES = 64 << 20
#: Most megabytes (10**6 bytes) of shared inputs that an agent keeps on its disk.
SHARED_MEGABYTES = 2_000
#: Most bytes of shared inputs, as they were encoded, whose values a worker keeps.
SHARED_HELD = 256 << 20
#: Priorities run from 0 to this; higher first.
PRIORITY_LIMIT = 3
PRIORITY = 1
#: How long a finished session is kept.
KEEP_FOR = timedelta(days=7)
#: How long after a deleted session was collected it is collected once more, for the packs that came late. It is longer
#: than a process is paused in the middle of a put and then goes on: each stops by itself when its lease is over or the
#: store says that the session is gone, so only a put that was under way can be late.
LINGER = timedelta(days=1)
POOL = "default"
#: The version of all records and hints that this code writes and understands.
SCHEMA = 1
