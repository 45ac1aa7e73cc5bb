"""The four interfaces in memory: short and plainly right, so that other providers can be compared with them."""

from htcgrid.testing.memory.compute import MemoryComputeBackend
from htcgrid.testing.memory.payloads import MemoryPayloadStore
from htcgrid.testing.memory.queue import MemoryTaskQueue
from htcgrid.testing.memory.state import MemoryStateStore

__all__ = ["MemoryComputeBackend", "MemoryPayloadStore", "MemoryStateStore", "MemoryTaskQueue"]
