"""The shared inputs that an agent has fetched, for all its workers."""

import hashlib
import os
import tempfile
from collections import OrderedDict
from pathlib import Path

from htcgrid.errors import ConfigError, HtcGridError, PayloadLostError, ProviderUnavailableError
from htcgrid.host import Flag
from htcgrid.interfaces import PayloadStore
from htcgrid.model import SharedInput, parse_shared
from htcgrid.model.call import FUNCTION
from htcgrid_agent.core.commands import Command
from htcgrid_agent.core.events import Event
from htcgrid_agent.workers.messages import Found


class Fetch(Command, frozen=True, kw_only=True):
    """Fetch a shared input for a worker; answered with :class:`Fetched`."""

    worker: int
    #: Of the worker's process: its successor did not ask.
    pid: int
    ref: str


class Fetched(Event, frozen=True, kw_only=True):
    """The answer to :class:`Fetch`."""

    worker: int
    pid: int
    found: Found


class SharedFiles:
    """Keeps inputs as files under their digests, those used last, up to a limit; for one thread.

    They are in a temporary folder, in ``place`` or where such folders are.
    """

    #: One that is not there yet may be so a moment later; a store that cannot be used is asked for some seconds.
    _LOOKS = 5
    _PAUSE = 0.05

    def __init__(self, payloads: PayloadStore, *, limit: int, stopping: Flag, place: Path | None = None) -> None:
        self._payloads = payloads
        self._limit = limit
        self._stopping = stopping
        self._place = place
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        #: Sizes by digest, the one used last at the end.
        self._sizes: OrderedDict[str, int] = OrderedDict()

    def close(self) -> None:
        """Remove the files."""
        if self._folder is not None:
            self._folder.cleanup()

    def fetch(self, command: Fetch) -> Fetched:
        """Make sure that the input is here; tell the worker where, or why not."""
        return Fetched(worker=command.worker, pid=command.pid, found=self._found(command.ref))

    def _found(self, ref: str) -> Found:
        try:
            return Found(os.fsencode(self._file(parse_shared(ref))))
        except (ConfigError, PayloadLostError) as error:
            return Found(None, str(error), lost=True)
        except HtcGridError as error:
            return Found(None, f"shared input {ref} cannot be had now: {error}")
        except OSError as error:
            return Found(None, f"shared input {ref} cannot be kept by the agent: {error.strerror or error}")

    def _file(self, shared: SharedInput) -> Path:
        # What cleans temporary folders takes files, and folders, that nobody has touched for days.
        if self._folder is None or not Path(self._folder.name).is_dir():
            self.close()
            self._folder = tempfile.TemporaryDirectory(
                prefix="htcgrid-shared-", dir=self._place, ignore_cleanup_errors=True
            )
            self._sizes.clear()
        file = Path(self._folder.name, shared.digest)
        if shared.digest not in self._sizes or not file.is_file():
            self._sizes.pop(shared.digest, None)
            data = self._bytes(shared)
            self._make_room(len(data))
            file.write_bytes(data)
            self._sizes[shared.digest] = len(data)
        self._sizes.move_to_end(shared.digest)
        return file

    def _make_room(self, size: int) -> None:
        while self._folder is not None and self._sizes and sum(self._sizes.values()) + size > self._limit:
            digest, _ = self._sizes.popitem(last=False)
            # A worker that has it open reads it to its end; one that comes too late asks again.
            Path(self._folder.name, digest).unlink(missing_ok=True)

    def _bytes(self, shared: SharedInput) -> bytes:
        data = None
        for look in range(self._LOOKS):
            if look:
                self._stopping.wait(self._PAUSE * 2 ** (look - 1))
            try:
                data = self._payloads.get([shared.key]).get(shared.key)
            except ProviderUnavailableError:
                if look == self._LOOKS - 1:
                    raise
                data = None
            if data is not None and hashlib.sha256(data).hexdigest() == shared.digest:
                return data
        if self._stopping.is_set():
            raise ProviderUnavailableError("the agent stops, and does not wait for it")
        if data is not None:
            raise PayloadLostError(_lost(shared, "was altered in the payload store", "put it again"))
        gone = "is not in the payload store any more"
        raise PayloadLostError(_lost(shared, gone, "put it again, with a longer keep_for"))


def _lost(shared: SharedInput, why: str, advice: str) -> str:
    """Say what is lost; a function was put by nobody, but called."""
    if shared.codec == FUNCTION:
        return f"the function that session {shared.session} calls {why}: call it anew"
    return f"shared input {shared.ref} {why}: {advice}"
