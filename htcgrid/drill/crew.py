"""The agents of a drill: started here, so that they may be killed."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from htcgrid.drill.plan import Plan
from htcgrid.drill.work import HANDLER
from htcgrid.lifeline import Lifeline
from htcgrid.model.interpreter import interpreter

#: How long processes are given to end: seconds.
_PATIENCE = 30.0
#: What the command of every worker has, and that of no other process.
_WORKER = "htcgrid_agent.runtimes"


class DrilledAgent:
    """One agent process."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log
        #: Until when it stands still; None when it does not.
        self.paused_until: float | None = None
        #: Whether it was struck so that it ends, and was told to, so that it is to end well.
        self.doomed = False
        self.told = False

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process.poll() is None

    @property
    def well(self) -> bool:
        """Whether it runs, goes on, and was not struck."""
        return self.alive and not self.doomed and self.paused_until is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    @property
    def workers(self) -> list[int]:
        """The process ids of its workers.

        A process that the agent has forked becomes a worker a moment later. One that were stopped before that would
        keep its agent in the middle of vfork(2), and look like an agent itself.
        """
        return [child for child in _children(self.process.pid) if _is_worker(child)]


class Crew:
    """Starts agents, and others in the place of those that ended."""

    def __init__(self, plan: Plan, config: Path, folder: Path) -> None:
        self._plan = plan
        self._config = config
        self._folder = folder
        #: All that were ever started.
        self.agents: list[DrilledAgent] = []
        #: Agents end with it: also when the drill is killed.
        self._lifeline = Lifeline()
        #: Workers that were stopped, and may outlive their agents so.
        self.hung: set[int] = set()

    @property
    def well(self) -> list[DrilledAgent]:
        """The agents that can be struck."""
        return [agent for agent in self.agents if agent.well]

    @property
    def fallen(self) -> list[DrilledAgent]:
        """The agents that ended although nobody had struck them so, or with an error when they were told to."""
        # One that was told before it could listen ended at once.
        well = {0, -signal.SIGTERM}
        ended = [agent for agent in self.agents if not agent.alive]
        return [agent for agent in ended if not agent.doomed or (agent.told and agent.process.returncode not in well)]

    def fill(self) -> None:
        """Start agents until there are as many as planned, those that stand still among them."""
        there = sum(agent.alive and not agent.doomed for agent in self.agents)
        for _ in range(self._plan.agents - there):
            self._start()

    def wake(self, now: float | None = None) -> None:
        """Let those go on that have stood still for long enough; all when ``now`` is left out."""
        for agent in self.agents:
            if agent.paused_until is not None and (now is None or now >= agent.paused_until):
                agent.send(signal.SIGCONT)
                agent.paused_until = None

    def close(self) -> None:
        """End all agents, and let no worker stand still that has lost its own."""
        self.wake()
        workers = [worker for agent in self.agents if agent.alive for worker in agent.workers]
        for agent in self.agents:
            agent.doomed = True
            agent.send(signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE
        for agent in self.agents:
            try:
                agent.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                agent.process.kill()
                agent.process.wait()
        for worker in {*workers, *self.hung}:
            # Most are gone; what stands still cannot end by itself.
            if _is_worker(worker):
                os.kill(worker, signal.SIGKILL)
        self._lifeline.close()

    def _start(self) -> None:
        name = f"{self._plan.pool}-{os.getpid()}-{len(self.agents)}"
        log = self._folder / f"{name}.log"
        command = [interpreter(), "-P", "-m", "htcgrid_agent", "--config", str(self._config), "--id", name]
        command += ["--pool", self._plan.pool, "--workers", str(self._plan.workers), "--handler", HANDLER]
        command += self._lifeline.arguments
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=self._lifeline.descriptors,
                start_new_session=True,
            )
        self.agents.append(DrilledAgent(name, process, log))


def _is_worker(pid: int) -> bool:
    """Return whether a process is a worker by now, and still: its number may be another's."""
    if sys.platform != "linux":
        return _WORKER in _ps("-o", "args=", "-p", str(pid))
    with suppress(OSError):
        return _WORKER in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    return False


def _children(pid: int) -> list[int]:
    """Return the processes that a process started; none when it is gone."""
    if sys.platform != "linux":
        pairs = (line.split() for line in _ps("-A", "-o", "ppid=,pid=").splitlines())
        return [int(child) for parent, child in pairs if int(parent) == pid]
    with suppress(OSError):
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text(encoding="ascii").split()]
    return []


def _ps(*words: str) -> str:
    command = ["ps", *words]  # it is elsewhere on each system
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
