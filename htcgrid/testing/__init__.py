"""The conformance kit: what a provider is, as clauses that any provider can be held to, and the interfaces in memory.

Subclass a contract in a test module and give it the one fixture that it asks for::

    class TestAcmeState(StateStoreContract):
        @pytest.fixture
        def store(self, clock: VirtualClock) -> Iterator[StateStore]:
            with closing(AcmeStateStore(clock=clock)) as store:
                yield store

The contracts need pytest and hypothesis; the twins in :mod:`htcgrid.testing.memory` need neither.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from htcgrid.testing.clock import VirtualClock
    from htcgrid.testing.compute import ComputeBackendContract
    from htcgrid.testing.grid import GridContract
    from htcgrid.testing.memory import MemoryComputeBackend, MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue
    from htcgrid.testing.payloads import PayloadStoreContract
    from htcgrid.testing.queue import TaskQueueContract
    from htcgrid.testing.state import StateStoreContract
    from htcgrid.testing.vandal import Vandal, VandalContract

__all__ = [
    "ComputeBackendContract",
    "GridContract",
    "MemoryComputeBackend",
    "MemoryPayloadStore",
    "MemoryStateStore",
    "MemoryTaskQueue",
    "PayloadStoreContract",
    "StateStoreContract",
    "TaskQueueContract",
    "Vandal",
    "VandalContract",
    "VirtualClock",
]

_HOMES = {
    "ComputeBackendContract": "compute",
    "GridContract": "grid",
    "MemoryComputeBackend": "memory",
    "MemoryPayloadStore": "memory",
    "MemoryStateStore": "memory",
    "MemoryTaskQueue": "memory",
    "PayloadStoreContract": "payloads",
    "StateStoreContract": "state",
    "TaskQueueContract": "queue",
    "Vandal": "vandal",
    "VandalContract": "vandal",
    "VirtualClock": "clock",
}

# Under pytest, a clause that fails shows the values that it compared, as a test of one's own does.
if "pytest" in sys.modules:
    sys.modules["pytest"].register_assert_rewrite(
        *(f"{__name__}.{contracts}" for contracts in ("compute", "grid", "payloads", "queue", "state", "vandal"))
    )


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that the twins can be had without pytest."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
