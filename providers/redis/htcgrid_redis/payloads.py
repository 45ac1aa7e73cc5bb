"""The payload store on Redis: strings that expire, and a set of them for each session."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice

from htcgrid.interfaces import PayloadStore
from htcgrid.model import PayloadLimits, defaults
from htcgrid_redis.access import in_requests, milliseconds
from htcgrid_redis.served import Served
from htcgrid_redis.server import Command
from htcgrid_redis.settings import RedisSettings

#: Most objects of one request.
_COUNT = 256


class RedisPayloadStore(Served, PayloadStore):
    """Objects on a server; one goes when it was put ``forget`` days ago, though nobody has deleted it."""

    def __init__(self, settings: RedisSettings) -> None:
        super().__init__(settings)
        keep = timedelta(days=settings.forget)
        self._life = milliseconds(keep)
        self.limits = PayloadLimits(size=2 * defaults.PAYLOAD_BYTES, keep=keep)

    def put(self, blobs: Mapping[str, bytes]) -> None:
        """Store objects. Costs 1 request per 256 objects or 16 MiB, on a cluster 3 per object."""
        for part in in_requests(blobs.items(), count=_COUNT):
            commands: list[Command] = []
            for key, data in part:
                names = self._layout.objects(_top(key))
                # Named first: an object that nobody has named would not be found by its prefix.
                commands += [("SADD", names, key), ("PEXPIRE", names, self._life)]
                commands.append(("SET", self._key(key), data, "NX", "PX", self._life))
            self._server.commands(commands, lasting=True)

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Return objects. Costs 1 request per 256 objects, on a cluster 1 per object."""
        found: dict[str, bytes] = {}
        wanted = iter(dict.fromkeys(keys))
        while part := list(islice(wanted, _COUNT)):
            values = self._server.commands([("GET", self._key(key)) for key in part])
            found |= {key: value for key, value in zip(part, values, strict=True) if value is not None}
        return found

    def delete(self, keys: Iterable[str] = (), *, prefix: str | None = None) -> None:
        """Delete objects. Costs 1 request per 256 keys, and 2 per page of a prefix."""
        doomed = iter(keys)
        while part := list(islice(doomed, _COUNT)):
            self._delete(part)
        if prefix is not None:
            for found in self._named(prefix):
                self._delete(found)

    def _named(self, prefix: str) -> Iterator[list[str]]:
        """Yield the keys that begin with a prefix, page by page."""
        names, cursor = self._layout.objects(_top(prefix)), b"0"
        while True:
            cursor, page = self._server.command("SSCAN", names, cursor, "COUNT", _COUNT)
            found = [name.decode() for name in page if name.startswith(f"{prefix}/".encode())]
            if found:
                yield found
            if int(cursor) == 0:
                return

    def _delete(self, keys: Sequence[str]) -> None:
        commands: list[Command] = []
        for key in keys:
            commands += [("UNLINK", self._key(key)), ("SREM", self._layout.objects(_top(key)), key)]
        self._server.commands(commands)

    def _key(self, key: str) -> str:
        return f"{self._layout.objects(_top(key))}:{key}"


def _top(key: str) -> str:
    """Return the first word of a key: the session, as a rule."""
    return key.partition("/")[0]
