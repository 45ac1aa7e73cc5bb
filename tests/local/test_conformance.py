"""The local provider keeps the contracts that every provider keeps."""

import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from htcgrid.interfaces import ComputeBackend, PayloadStore, StateStore, TaskQueue
from htcgrid.local.compute import ProcessComputeBackend
from htcgrid.local.payloads import FilePayloadStore
from htcgrid.local.queue import SqliteTaskQueue
from htcgrid.local.state import SqliteStateStore
from htcgrid.testing import (
    ComputeBackendContract,
    PayloadStoreContract,
    StateStoreContract,
    TaskQueueContract,
    VirtualClock,
)


class TestSqliteStateStore(StateStoreContract):
    @pytest.fixture
    def store(self, clock: VirtualClock, tmp_path: Path) -> Iterator[StateStore]:
        with closing(SqliteStateStore(tmp_path, clock=clock, now=clock)) as store:
            yield store


class TestSqliteTaskQueue(TaskQueueContract):
    """Of hints whose bundles are in no state store of this folder, which the queue keeps."""

    wait = timedelta(milliseconds=20)

    @pytest.fixture
    def queue(self, clock: VirtualClock, tmp_path: Path) -> Iterator[TaskQueue]:
        with closing(SqliteTaskQueue(tmp_path, now=clock)) as queue:
            yield queue


class TestFilePayloadStore(PayloadStoreContract):
    @pytest.fixture
    def payloads(self, tmp_path: Path) -> Iterator[PayloadStore]:
        with closing(FilePayloadStore(tmp_path)) as payloads:
            yield payloads


class TestProcessComputeBackend(ComputeBackendContract):
    pause = timedelta(milliseconds=5)

    @pytest.fixture
    def compute(self, tmp_path: Path) -> Iterator[ComputeBackend]:
        agent = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(0)); print(1, flush=True); signal.pause()"
        with closing(ProcessComputeBackend(tmp_path, [sys.executable, "-c", agent])) as compute:
            yield compute
            for child in compute._started.values():
                child.kill()
                child.wait()
