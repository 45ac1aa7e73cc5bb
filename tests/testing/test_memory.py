"""The interfaces in memory keep every clause of the kit that they are the oracle of."""

from datetime import timedelta
from random import Random

import pytest

from htcgrid.interfaces import ComputeBackend, PayloadStore, StateStore, TaskQueue
from htcgrid.testing import (
    ComputeBackendContract,
    MemoryComputeBackend,
    MemoryPayloadStore,
    MemoryStateStore,
    MemoryTaskQueue,
    PayloadStoreContract,
    StateStoreContract,
    TaskQueueContract,
    VirtualClock,
)


class TestStateWithOneLog(StateStoreContract):
    @pytest.fixture
    def store(self, clock: VirtualClock) -> StateStore:
        return MemoryStateStore(clock=clock, random=Random(1))


class TestStateWithFourLogs(StateStoreContract):
    @pytest.fixture
    def store(self, clock: VirtualClock) -> StateStore:
        return MemoryStateStore(clock=clock, random=Random(1), logs=4)


class TestQueue(TaskQueueContract):
    @pytest.fixture
    def queue(self, clock: VirtualClock) -> TaskQueue:
        return MemoryTaskQueue(clock=clock)


class TestQueueInRealTime(TaskQueueContract):
    wait = timedelta(milliseconds=20)

    @pytest.fixture
    def queue(self) -> TaskQueue:
        return MemoryTaskQueue()


class TestPayloads(PayloadStoreContract):
    @pytest.fixture
    def payloads(self) -> PayloadStore:
        return MemoryPayloadStore()


class TestCompute(ComputeBackendContract):
    @pytest.fixture
    def compute(self) -> ComputeBackend:
        return MemoryComputeBackend()
