"""The compute backend of one machine: agents are processes."""

import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Self, cast

import msgspec

from htcgrid.descriptors import RAISE_LIMIT, is_of_few
from htcgrid.errors import AgentNotFoundError, ConfigError, ProviderUnavailableError
from htcgrid.interfaces import ComputeBackend, Source
from htcgrid.lifeline import Lifeline
from htcgrid.local.agent_log import AgentLog
from htcgrid.local.process import birthmark, send_signal
from htcgrid.local.roster import AgentRecord, Roster
from htcgrid.local.settings import LocalSettings, Mode
from htcgrid.model import AgentId, AgentInfo, Pool, defaults, utcnow
from htcgrid.model.client_process import isolation_flags
from htcgrid.model.interpreter import interpreter
from htcgrid.pause import has_ended

#: What an agent may take to end at once, with what modules' teardown() may take in an embedded grid: seconds.
_MARGIN = 7.0


class ProcessComputeBackend(ComputeBackend):
    """The agents of a grid on this machine, on record in ``folder / "agents"``.

    ``command`` starts an agent; ``--id`` and, as they apply, ``--pool``, ``--workers`` and ``--lifeline`` are added to
    it. With ``lifeline`` the agents that this object starts end when it is closed, or when its process ends in any way,
    also when it has forked others that go on. Without it they stay.
    """

    Settings = LocalSettings

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        *,
        workers: int | None = None,
        lifeline: bool = False,
        grace: timedelta = defaults.GRACE,
        mode: Mode = "private",
    ) -> None:
        self._roster = Roster(folder, mode=mode)
        self._command = list(command)
        self._workers = workers
        self._grace = grace.total_seconds()
        self._lock = threading.RLock()
        self._pools: dict[str, Pool] = {}
        self._started: dict[AgentId, subprocess.Popen[bytes]] = {}
        self._lifeline = Lifeline() if lifeline else None

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> Self:
        """Return a backend that starts agents on the same grid.toml.

        Raises:
            ConfigError: the settings were made in memory, so that agents have no file to read.
        """
        local = cast("LocalSettings", settings)
        if source.file is None:
            raise ConfigError(f"{source.table}: agents are started on a grid.toml, and this grid has none; write one")
        return cls(
            local.folder(source),
            [interpreter(), *isolation_flags(), "-P", "-m", "htcgrid_agent", "--config", str(source.file)],
            workers=local.workers,
            lifeline=local.lifeline,
            grace=timedelta(seconds=local.grace),
            mode=local.mode,
        )

    def close(self) -> None:
        """With a lifeline, end the agents that this object started; those that go on after their grace are killed."""
        with self._lock:
            self._reap()
            if self._lifeline is None:
                for child in self._started.values():
                    # Nobody is to wait for those that go on, and Popen is not to warn of them.
                    child.returncode = 0
                self._started.clear()
                return
            lifeline, self._lifeline = self._lifeline, None
            try:
                # Those that cannot be told end by their lifeline.
                with suppress(ProviderUnavailableError):
                    self.drain(list(self._started))
                self._await_end(self._grace)
                # Now they end at once: a second signal might be taken for one with the first.
                lifeline.cut()
                self._await_end(_MARGIN)
            finally:
                # At once, too, when this was interrupted.
                lifeline.close()
                for child in self._started.values():
                    child.kill()
                    child.wait()
                self._started.clear()

    def apply(self, pool: Pool) -> None:
        """Start the pool's agents as described from now on. Costs nothing."""
        with self._lock:
            self._pools[pool.name] = pool

    def scale(self, pool: str, count: int) -> None:
        """Start agents, or drain the youngest. Costs 1 process or 1 signal per agent."""
        with self._lock, self._usable(), self._roster.locked():
            self._reap()
            running = [record for record in self._roster.running(pool) if not record.draining]
            for record in running[max(0, count) :]:
                self._drain(record)
            for _ in range(count - len(running)):
                self._start(self._pools.get(pool) or Pool(name=pool))

    def agents(self, pool: str) -> list[AgentInfo]:
        """Return the agents whose processes run, whoever started them. Costs 1 file per agent on record."""
        with self._lock, self._usable():
            self._reap()
            return [record.info for record in self._roster.running(pool)]

    def drain(self, agents: Sequence[AgentId]) -> None:
        """Send SIGTERM, also to an agent that was told before: it takes a second one as haste.

        Costs 1 signal per agent.
        """
        with self._lock, self._usable(), self._roster.locked():
            self._reap()
            for agent in agents:
                if record := self._roster.find(agent):
                    self._drain(record)

    def logs(self, agent: AgentId, *, tail: int = 100, follow: bool = False) -> Iterator[str]:
        """Read the file that the agent's output goes to; it is kept when the agent has ended. Costs 1 file."""
        file = self._roster.log(agent)
        if not file.is_file():
            raise AgentNotFoundError(
                f"no agent {agent!r} was started by the compute backend of {self._roster.folder}: one that was started "
                "by hand logs to its own stderr"
            )
        log = AgentLog(file, ended=lambda: self._roster.find(agent) is None)
        return _read(file, log.follow(tail) if follow else log.tail(tail))

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Let no error of the operating system's out but as one of ours."""
        try:
            yield
        except OSError as error:
            advice = f"{RAISE_LIMIT}," if is_of_few(error) else "see to it"
            raise ProviderUnavailableError(
                f"agents under {self._roster.folder} cannot be started or ended now: {error}; {advice} and try again"
            ) from error

    def _drain(self, record: AgentRecord) -> None:
        if send_signal(record.pid, record.mark, signal.SIGTERM):
            self._roster.write(msgspec.structs.replace(record, draining=True))

    def _start(self, pool: Pool) -> None:
        agent = AgentId(f"agent-{secrets.token_hex(4)}")
        with self._roster.log(agent).open("ab") as log:
            child = subprocess.Popen(
                self._arguments(agent, pool),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=() if self._lifeline is None else self._lifeline.descriptors,
                env=os.environ | pool.environment,
                # Ctrl-C at a terminal is for the client, which then tells its agents.
                start_new_session=True,
            )
        self._started[agent] = child
        mark = birthmark(child.pid)
        if mark is None:
            return
        host = socket.gethostname()
        try:
            self._roster.write(
                AgentRecord(id=agent, pool=pool.name, pid=child.pid, mark=mark, started=utcnow(), host=host)
            )
        except OSError:
            # One that is not on record would be started again and again.
            child.kill()
            child.wait()
            raise

    def _arguments(self, agent: AgentId, pool: Pool) -> list[str]:
        arguments = [*self._command, "--id", agent]
        if pool.name != defaults.POOL:
            arguments += ["--pool", pool.name]
        if workers := pool.workers or self._workers:
            arguments += ["--workers", str(workers)]
        if self._lifeline is not None:
            arguments += self._lifeline.arguments
        return arguments

    def _reap(self) -> None:
        """Take note of children that have ended, which the kernel keeps until then."""
        self._started = {agent: child for agent, child in self._started.items() if child.poll() is None}

    def _await_end(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for child in self._started.values():
            has_ended(child, deadline - time.monotonic())
        self._reap()


def _read(file: Path, lines: Iterator[str]) -> Iterator[str]:
    """Yield lines, and let no error of the operating system's out but as one of ours."""
    try:
        yield from lines
    except OSError as error:
        raise ProviderUnavailableError(f"the log {file} cannot be read now: {error.strerror or error}") from error
