"""The payload store as one process sees it."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from htcgrid.interfaces import PayloadStore, Source
from tests.simulation.faults import Fault
from tests.simulation.stores.line import Line


class SimulatedPayloadStore(PayloadStore):
    """The payload store through a line; what it gives may be altered, or not there yet."""

    Settings = msgspec.Struct

    def __init__(self, line: Line) -> None:
        self._line = line
        self._payloads = line.world.payloads
        self._world = line.world
        self.limits = self._payloads.limits

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> "SimulatedPayloadStore":
        """Never called: a world makes its stores."""
        raise NotImplementedError

    def put(self, blobs: Mapping[str, bytes]) -> None:
        def put(keys: Sequence[str]) -> None:
            for key in keys:
                known = bool(self._payloads.get([key]))
                altered = not known and self._world.faults.happens(Fault.ALTERED, 3.0 if _is_shared(key) else 0.2)
                self._payloads.put({key: _altered(blobs[key], 1) if altered else blobs[key]})
                if altered:
                    self._world.facts.altered.add(key)

        keys = list(blobs)
        half = keys[: self._world.random.randrange(len(keys) + 1)]
        self._line.call(lambda: put(keys), lambda: put(half), " ".join(keys))

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        keys = list(keys)
        found = self._line.call(lambda: self._payloads.get(keys), about=" ".join(keys))
        for key in list(found):
            if self._world.faults.happens(Fault.ALTERED_ON_THE_WAY, 3.0 if _is_shared(key) else 1.0):
                # Another bit than in the store: twice the same would mend it.
                found[key] = _altered(found[key], 2)
                self._world.facts.misread[key] += 1
            elif self._world.faults.happens(Fault.LATE_PAYLOAD):
                del found[key]
                self._world.facts.misread[key] += 1
        return found

    def delete(self, keys: Iterable[str] = (), *, prefix: str | None = None) -> None:
        keys = list(keys)
        self._line.call(
            lambda: self._payloads.delete(keys, prefix=prefix), lambda: self._payloads.delete(keys[1:]), prefix
        )


def _is_shared(key: str) -> bool:
    """Return whether an object is a shared input, or a function: there are few, so that more befalls each."""
    return "/shared/" in key


def _altered(data: bytes, bit: int) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([(data[middle] if data else 0) ^ bit]) + data[middle + 1 :]
