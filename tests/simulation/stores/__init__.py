"""The stores as one process sees them: in memory, and at the end of a line that breaks."""

from tests.simulation.stores.line import Line
from tests.simulation.stores.payloads import SimulatedPayloadStore
from tests.simulation.stores.queue import SimulatedTaskQueue
from tests.simulation.stores.state import SimulatedStateStore

__all__ = ["Line", "SimulatedPayloadStore", "SimulatedStateStore", "SimulatedTaskQueue"]
