"""A grid in memory of which somebody damages what it holds while agents run: the model of what others do then."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from random import Random

import pytest

from htcgrid import Grid
from htcgrid.model import AgentId, BundleKey, Hint, SessionId
from htcgrid.testing import Vandal, VandalContract
from htcgrid.testing.memory import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue
from htcgrid_agent.core import AgentCore, AgentPolicy
from htcgrid_agent.shell.agent import Agent, WorkerSettings
from htcgrid_agent.shell.inputs import Inputs
from htcgrid_agent.shell.logs import open_log
from htcgrid_agent.shell.shared import SharedFiles
from htcgrid_agent.shell.stores import StoreCalls
from tests.cli.conftest import until


class MemoryVandal(Vandal):
    """Tells the store what cannot be read any more; there are no bytes of it."""

    kinds = ("header", "bundle", "report", "hint")
    state: MemoryStateStore

    def __init__(self) -> None:
        self.state = MemoryStateStore()
        self.queue = MemoryTaskQueue()
        self._written: dict[tuple[str, SessionId], bytes | None] = {}

    def read(self, kind: str, session: SessionId) -> bytes:
        return self._written.get((kind, session)) or b""

    def write(self, kind: str, session: SessionId, data: bytes | None) -> None:
        self._written[kind, session] = data
        if kind == "hint":
            # Of a bundle that there is not, and of a schema that nobody knows.
            self.queue.send([Hint(key=BundleKey(session, 1000)), Hint(key=BundleKey(session, 0), schema=99)])
            return
        what = {"header": "the header of session", "bundle": "bundle", "report": "the report of agent"}[kind]
        self.state.damage(what, str(BundleKey(session, 0)) if kind == "bundle" else session)


def _agent(stack: ExitStack, name: AgentId, vandal: MemoryVandal, payloads: MemoryPayloadStore) -> None:
    """Start an agent of two workers in this process."""
    stopping, inputs, log = threading.Event(), Inputs(), open_log("json", agent=name)
    policy = AgentPolicy(
        agent=name, workers=2, lease=30.0, heartbeat=5.0, grace=5.0, target=2.0, flush=0.1, handlers=("*",), wait=0.1
    )
    calls = StoreCalls(
        state=vandal.state,
        queue=vandal.queue,
        payloads=payloads,
        agent=name,
        pool="default",
        lease=timedelta(seconds=30),
        inputs=inputs,
        stopping=stopping,
        log=log,
    )
    shared = SharedFiles(payloads, limit=1, stopping=stopping)
    agent = Agent(
        AgentCore(policy, Random(1).random),
        calls,
        inputs,
        name=name,
        workers=WorkerSettings(),
        shared=shared,
        log=log,
        stopping=stopping,
    )
    thread = threading.Thread(target=agent.run, name=name)
    thread.start()
    stack.callback(agent.close)
    stack.callback(thread.join)
    stack.callback(agent.stop)


@pytest.fixture(scope="module")
def memory() -> MemoryVandal:
    return MemoryVandal()


@pytest.fixture(scope="module")
def grid(memory: MemoryVandal) -> Iterator[Grid]:
    payloads = MemoryPayloadStore()
    with ExitStack() as stack:
        for number in range(2):
            _agent(stack, AgentId(f"agent-{number}"), memory, payloads)
        until(lambda: len(memory.state.agents().agents) == 2)
        with Grid(memory.state, memory.queue, payloads) as grid:
            yield grid
        assert {"agent-0", "agent-1"} <= {thread.name for thread in threading.enumerate()}


@pytest.mark.xdist_group("memory vandal")
class TestMemoryGridWithAVandal(VandalContract):
    @pytest.fixture
    def grid(self, grid: Grid) -> Grid:
        return grid

    @pytest.fixture
    def vandal(self, memory: MemoryVandal) -> Vandal:
        return memory
