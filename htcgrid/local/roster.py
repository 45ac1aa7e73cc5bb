"""The agents that were started on this machine, on record for every process that asks."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from htcgrid.errors import UnreadableError
from htcgrid.local.process import birthmark
from htcgrid.local.settings import Mode, make_folder
from htcgrid.model import AgentId, AgentInfo
from htcgrid.model.decoding import Count, Decoder


class AgentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One agent's process."""

    id: AgentId
    pool: str
    pid: Count
    #: See :func:`birthmark`.
    mark: str
    started: datetime
    host: str
    draining: bool = False

    @property
    def info(self) -> AgentInfo:
        """What the interface tells of it."""
        return AgentInfo(
            id=self.id, pool=self.pool, started=self.started, host=self.host, pid=self.pid, draining=self.draining
        )


def _check(record: AgentRecord) -> None:
    if record.started.tzinfo is None:
        raise ValueError("the time when it was started has no time zone")


_decode: Decoder[AgentRecord] = Decoder(AgentRecord, "the record of an agent", json=True, check=_check)


class Roster:
    """Records in a folder, one file each; those of agents that have ended are removed when they are met."""

    def __init__(self, folder: Path, *, mode: Mode = "private") -> None:
        self.folder = make_folder(folder, "agents", mode=mode)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else starts or stops agents during this."""
        with (self.folder / ".roster").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def write(self, record: AgentRecord) -> None:
        """Put a record down, whole or not at all."""
        file = self._file(record.id)
        partial = file.with_suffix(f".{os.getpid()}~")
        partial.write_bytes(msgspec.json.encode(record))
        partial.replace(file)

    def find(self, agent: AgentId) -> AgentRecord | None:
        """Return the record of an agent that runs."""
        return self._read(self._file(agent))

    def running(self, pool: str) -> list[AgentRecord]:
        """Return the records of the pool's agents that run, oldest first."""
        records = [self._read(file) for file in self.folder.glob("*.json")]
        found = [record for record in records if record is not None and record.pool == pool]
        return sorted(found, key=lambda record: (record.started, record.id))

    def log(self, agent: AgentId) -> Path:
        """Return the file that an agent's output goes to."""
        return self._file(agent).with_suffix(".log")

    def _file(self, agent: AgentId) -> Path:
        # Ids that are no plain name were not made here, and nothing is on record of them.
        return self.folder / (f"{agent}.json" if agent.replace("-", "").isalnum() else "-.json")

    def _read(self, file: Path) -> AgentRecord | None:
        try:
            record = _decode(file.read_bytes(), file)
        except (OSError, UnreadableError):
            return None
        if birthmark(record.pid) == record.mark:
            return record
        with suppress(OSError):
            file.unlink()
        return None
