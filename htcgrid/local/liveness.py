"""Which agents live: each holds a lock on a file of its own, which the kernel frees when its process dies.

So a local grid need not wait for a whole lease before it runs a dead agent's bundles again. What this tells may be
wrong without harm, as any lapse may: it can cost time, never an outcome.
"""

import fcntl
import hashlib
import os
import threading
import weakref
from collections.abc import Container
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from htcgrid.model import AgentId
from htcgrid.pause import pause

#: Who only looks whether an agent lives holds its lock for a moment.
_ATTEMPTS = 20
_PAUSE = 0.001


class AgentLiveness:
    """The lock files of a grid's agents, and those of them that this process holds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._held: dict[AgentId, int] = {}
        # A fork that does not exec would keep the locks of a parent that died.
        forked = weakref.WeakMethod(self._forked)
        os.register_at_fork(after_in_child=lambda: (method := forked()) and method())

    def hold(self, agent: AgentId) -> None:
        """This process lives as ``agent`` until it ends or closes this object. Repeating it changes nothing."""
        if agent in self._held:
            return
        with self._lock:
            if agent not in self._held:
                self._held[agent] = self._locked(self._file(agent))

    def is_dead(self, agent: AgentId) -> bool:
        """Return whether the agent held its lock and does so no more; False also when nobody can tell."""
        try:
            descriptor = os.open(self._file(agent), os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            return _locks(descriptor)
        finally:
            os.close(descriptor)

    def forget(self, agent: AgentId) -> None:
        """Remove the lock file of an agent that is dead."""
        file = self._file(agent)
        with suppress(OSError):
            descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if _locks(descriptor):
                    file.unlink(missing_ok=True)
            finally:
                os.close(descriptor)

    def close(self, *, holding: Container[AgentId] = ()) -> None:
        """Let go of all locks; the files of agents that are ``holding`` bundles stay, as those of the dead do."""
        with self._lock:
            held, self._held = self._held, {}
        for agent, descriptor in held.items():
            if agent not in holding:
                with suppress(OSError):
                    self._file(agent).unlink()
            if descriptor >= 0:
                os.close(descriptor)

    @property
    def held(self) -> list[AgentId]:
        """The agents that this process lives as."""
        return list(self._held)

    def _locked(self, file: Path) -> int:
        """Return a descriptor that holds the lock of the file of this name; -1 when another process holds it."""
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            for _ in range(_ATTEMPTS):
                descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
                if _locks(descriptor) and _names(file, descriptor):
                    return descriptor
                os.close(descriptor)
                pause(_PAUSE)
        return -1

    def _file(self, agent: AgentId) -> Path:
        name = quote(agent, safe="")
        if len(name) > 200:
            name = hashlib.sha256(agent.encode()).hexdigest()
        return self._folder / f"{name}.lock"

    def _forked(self) -> None:
        for descriptor in self._held.values():
            if descriptor >= 0:
                os.close(descriptor)
        self._held = {}


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _names(file: Path, descriptor: int) -> bool:
    """Whether the open file is still the one of this name: another process may have removed it in between."""
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
