"""The payload store in memory."""

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Self

import msgspec

from htcgrid.interfaces import PayloadStore, Source
from htcgrid.model import PayloadLimits, defaults


class MemoryPayloadStore(PayloadStore):
    """Bytes under keys, for as long as the process lives."""

    class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """There is nothing to set."""

    limits = PayloadLimits(size=2 * defaults.PAYLOAD_BYTES, durable=False)

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._objects: dict[str, bytes] = {}
        self._lock = Lock()

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> Self:  # noqa: ARG003 - there is nothing to set
        """Return an empty store."""
        return cls()

    def put(self, blobs: Mapping[str, bytes]) -> None:
        """See :meth:`PayloadStore.put`."""
        with self._lock:
            for key, data in blobs.items():
                self._objects.setdefault(key, bytes(data))

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """See :meth:`PayloadStore.get`."""
        with self._lock:
            return {key: self._objects[key] for key in keys if key in self._objects}

    def delete(self, keys: Iterable[str] = (), *, prefix: str | None = None) -> None:
        """See :meth:`PayloadStore.delete`."""
        with self._lock:
            below = [] if prefix is None else [key for key in self._objects if key.startswith(f"{prefix}/")]
            for key in (*keys, *below):
                self._objects.pop(key, None)
