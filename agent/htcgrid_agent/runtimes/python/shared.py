"""Shared inputs as a worker has them."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from htcgrid.errors import PayloadLostError, ProviderUnavailableError
from htcgrid.model import defaults
from htcgrid.model.call import FRESH_BYTES, FUNCTION
from htcgrid.model.shared import SharedInput, parse_shared
from htcgrid_agent.workers.messages import Found, Need

#: How often the agent is asked again for a file that it removed between its answer and our look.
_LOOKS = 3
#: Most functions that are kept: what is mapped has a descriptor, of which a process may have 256 on some systems.
_FUNCTIONS = 64


class SharedValues:
    """Fetches inputs through the agent, and keeps those that were used last as the values that handlers see."""

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
        #: The encoded size and the value by digest and codec, the one used last at the end.
        self._values: OrderedDict[tuple[str, str], tuple[int, Any]] = OrderedDict()
        self._size = 0

    def get(self, ref: str) -> Any:
        """Return the value behind a reference.

        Raises:
            ConfigError: it is no reference.
            PayloadLostError: the data is not there any more.
            ProviderUnavailableError: it cannot be had now.
        """
        shared = parse_shared(ref)
        name = (shared.digest, shared.codec)
        with self._lock:
            if name not in self._values:
                data = self._fetch(shared)
                value = self._decoder(shared.codec)(data)
                self._make_room(len(data), shared.codec)
                self._values[name] = (len(data), value)
                self._size += len(data)
            self._values.move_to_end(name)
            return self._values[name][1]

    def _fetch(self, shared: SharedInput) -> bytes | memoryview:
        for _ in range(_LOOKS):
            found = self._ask(Need(str(shared.ref)))
            if found.path is None:
                raise PayloadLostError(found.error) if found.lost else ProviderUnavailableError(found.error)
            try:
                return _mapped(found.path) if shared.codec == FUNCTION else Path(found.path).read_bytes()
            except FileNotFoundError:
                continue
        raise ProviderUnavailableError(
            f"shared input {shared.ref} went before it was read: is `shared_megabytes` in [agent] too small?"
        )

    def _make_room(self, size: int, codec: str) -> None:
        while self._values and self._size + size > self._limit:
            self._let_go(next(iter(self._values)))
        functions = [name for name in self._values if name[1] == FUNCTION] if codec == FUNCTION else []
        if len(functions) >= _FUNCTIONS:
            self._let_go(functions[0])

    def _let_go(self, name: tuple[str, str]) -> None:
        freed, _ = self._values.pop(name)
        self._size -= freed


def _mapped(path: str) -> bytes | memoryview:
    """Return what a file holds: if that is large, where all workers share it, as memory that can only be read."""
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= FRESH_BYTES:
            return file.read()
        return memoryview(mmap(file.fileno(), size, access=ACCESS_READ))
