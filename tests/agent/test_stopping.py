"""Telling an agent to stop, as a signal handler does."""

import threading
from datetime import timedelta
from random import Random

from htcgrid.model import AgentId
from htcgrid.testing.memory import MemoryPayloadStore, MemoryStateStore, MemoryTaskQueue
from htcgrid_agent.core import AgentCore, AgentPolicy
from htcgrid_agent.shell.agent import Agent, WorkerSettings
from htcgrid_agent.shell.inputs import Inputs
from htcgrid_agent.shell.logs import open_log
from htcgrid_agent.shell.shared import SharedFiles
from htcgrid_agent.shell.stores import StoreCalls


class Guarded(threading.Event):
    """An event that notes who sets it: it takes a lock, for which a nested signal handler would wait for ever."""

    telling = False

    def set(self) -> None:
        assert not self.telling, "a signal handler may take no lock"
        super().set()


def test_telling_an_agent_to_stop_takes_no_lock_and_ends_it() -> None:
    stopping, inputs, name = Guarded(), Inputs(), AgentId("a")
    log = open_log("json", agent=name)
    policy = AgentPolicy(
        agent=name, workers=1, lease=30.0, heartbeat=5.0, grace=5.0, target=2.0, flush=0.2, handlers=("*",), wait=0.01
    )
    calls = StoreCalls(
        state=MemoryStateStore(),
        queue=MemoryTaskQueue(),
        payloads=MemoryPayloadStore(),
        agent=name,
        pool="default",
        lease=timedelta(seconds=30),
        inputs=inputs,
        stopping=stopping,
        log=log,
    )
    agent = Agent(
        AgentCore(policy, Random(1).random),
        calls,
        inputs,
        name=name,
        workers=WorkerSettings(),
        shared=SharedFiles(MemoryPayloadStore(), limit=1, stopping=stopping),
        log=log,
        stopping=stopping,
    )
    stopping.telling = True
    agent.stop()
    stopping.telling = False
    assert agent.run() == 0
    agent.close()
    assert stopping.is_set()
