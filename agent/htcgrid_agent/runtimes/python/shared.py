"""Shared inputs as a worker has them."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, NamedTuple

from htcgrid.errors import PayloadLostError, ProviderUnavailableError
from htcgrid.model import defaults
from htcgrid.model.call import FRESH_BYTES, FUNCTION
from htcgrid.model.shared import SharedInput, parse_shared
from htcgrid_agent.runtimes.python.shared_value import SharedValue
from htcgrid_agent.workers.messages import Found, Need

#: How often the agent is asked again for a file that it removed between its answer and our look.
_LOOKS = 3
#: Most functions that are kept: what is mapped has a descriptor, of which a process may have 256 on some systems.
_FUNCTIONS = 64


class _Held(NamedTuple):
    """One input that is kept."""

    #: Of the encoded bytes.
    size: int
    #: The session for which it was made, and whether it is good for others.
    session: str
    lasting: bool
    #: Returns the value for a task.
    of: Callable[[object], Any]


class SharedValues:
    """Fetches inputs through the agent, and keeps those that were used last as the values that handlers see.

    What a session's tasks may have changed in a value, another's never see: it is fetched again for them.
    """

    def __init__(
        self,
        ask: Callable[[Need], Found],
        decoder: Callable[[str], Callable[[Any], Any]],
        *,
        limit: int = defaults.SHARED_HELD,
    ) -> None:
        self._ask = ask
        self._decoder = decoder
        self._limit = limit
        self._lock = threading.Lock()
        #: By digest and codec, the one used last at the end.
        self._values: OrderedDict[tuple[str, str], _Held] = OrderedDict()
        self._size = 0

    def get(self, ref: str, session: str, task: object) -> Any:
        """Return the value behind a reference for a task of a session.

        Raises:
            ConfigError: it is no reference.
            PayloadLostError: the data is not there any more.
            ProviderUnavailableError: it cannot be had now.
        """
        shared = parse_shared(ref)
        name = (shared.digest, shared.codec)
        with self._lock:
            held = self._values.get(name)
            if held is None or not (held.session == session or held.lasting):
                held = self._new(shared, session)
                self._forget(name)
                self._make_room(held.size, shared.codec)
                self._values[name] = held
                self._size += held.size
            self._values.move_to_end(name)
            return held.of(task)

    def _new(self, shared: SharedInput, session: str) -> "_Held":
        data = self._fetch(shared)
        decode = self._decoder(shared.codec)
        if shared.codec == FUNCTION:
            # It keeps calls apart by itself.
            function = decode(data)
            return _Held(len(data), session, lasting=False, of=lambda _task: function)
        value = SharedValue(data, decode)
        return _Held(len(data), session, lasting=value.lasting, of=value.of)

    def _fetch(self, shared: SharedInput) -> bytes | memoryview:
        for _ in range(_LOOKS):
            found = self._ask(Need(str(shared.ref)))
            if found.path is None:
                raise PayloadLostError(found.error) if found.lost else ProviderUnavailableError(found.error)
            try:
                file = Path(os.fsdecode(found.path))
                data = _mapped(file) if shared.codec == FUNCTION else file.read_bytes()
            except FileNotFoundError:
                continue
            # The file stands where others may write, tasks among them, and is decoded, or even unpickled.
            if len(data) != shared.size or sha256(data).hexdigest() != shared.digest:
                raise PayloadLostError(f"shared input {shared.ref} was altered on the agent's disk: {file}")
            return data
        raise ProviderUnavailableError(
            f"shared input {shared.ref} went before it was read: is `shared_megabytes` in [agent] too small?"
        )

    def _forget(self, name: tuple[str, str]) -> None:
        if (held := self._values.pop(name, None)) is not None:
            self._size -= held.size

    def _make_room(self, size: int, codec: str) -> None:
        while self._values and self._size + size > self._limit:
            self._forget(next(iter(self._values)))
        functions = [name for name in self._values if name[1] == FUNCTION] if codec == FUNCTION else []
        if len(functions) >= _FUNCTIONS:
            self._forget(functions[0])


def _mapped(path: Path) -> bytes | memoryview:
    """Return what a file holds: if that is large, where all workers share it, as memory that can only be read."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= FRESH_BYTES:
            return file.read()
        return memoryview(mmap(file.fileno(), size, access=ACCESS_READ))
