"""A cache on Redis over any other payload store: what Redis has or loses changes nothing but the time it takes."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import Any, Self, TypeVar, cast

import msgspec

from htcgrid.errors import ConfigError, ProviderError
from htcgrid.interfaces import Concern, PayloadStore, Source
from htcgrid.plugins import load_provider
from htcgrid_redis.access import in_requests, milliseconds
from htcgrid_redis.server import Server
from htcgrid_redis.settings import RedisSettings

#: Most objects of one request.
_COUNT = 64
#: How long a cache that failed is left alone, so that it costs no call its time-out: seconds.
_PAUSE = 10.0
_Item = TypeVar("_Item")


class CacheSettings(RedisSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of the server, and what it is a cache of."""

    #: The table of the store that has the objects, with its ``provider``.
    over: dict[str, Any]
    #: Most megabytes (10**6 bytes) of all objects in the cache, and of one.
    megabytes: int = 256
    object_megabytes: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.over.get("provider"), str):
            raise ValueError("`over` must be a table with the key `provider`")  # noqa: TRY004 - as all wrong settings
        if not 1 <= self.object_megabytes <= self.megabytes:
            raise ValueError("`object_megabytes` must be at least 1, and at most `megabytes`")


class CachedPayloadStore(PayloadStore):
    """Reads through, writes through: an object is there once the store behind has it.

    When Redis fails, or has lost everything, calls go to the store behind. The objects that were used last stay. It
    takes two objects of one key for the same, as the grid's are, whose keys say what is in them.
    """

    Settings = CacheSettings

    def __init__(self, settings: CacheSettings, behind: PayloadStore) -> None:
        self._behind = behind
        self.limits = behind.limits
        self._settings = settings
        self._lock = threading.Lock()
        #: The way to the server, if it was found; and when to look again for one that failed.
        self._server: Server | None = None
        self._look_at = 0.0
        with suppress(ProviderError):
            self._server = Server(settings)
        self._life = milliseconds(timedelta(days=settings.forget))
        self._size = settings.megabytes * 1_000_000
        self._most = settings.object_megabytes * 1_000_000
        #: By when they were used, their names, the objects themselves, and the sum of their sizes.
        self._keys = [f"{settings.name}:{{cache}}:{what}" for what in ("used", "names", "objects", "total")]

    @classmethod
    def open(cls, settings: msgspec.Struct, source: Source) -> Self:
        """Return the cache, over the store that its table names.

        Raises:
            ConfigError: that table is not right.
        """
        cache = cast("CacheSettings", settings)
        behind = _opened(cache.over, source)
        try:
            return cls(cache, behind)
        except BaseException:
            behind.close()
            raise

    def concerns(self) -> Sequence[Concern]:
        return [*self._behind.concerns(), *self._own_concerns()]

    def _own_concerns(self) -> Iterator[Concern]:
        try:
            self._called("cache_get", "", "?")
        except ProviderError as error:
            yield Concern(
                f"the cache over {self._settings.over['provider']!r} cannot be used, and each call goes to the store "
                f"behind it: {error}",
                "look at the keys of the server in [payloads], and at the user's rights in docs/how-to/redis.md",
            )

    def usage(self) -> Mapping[str, float]:
        own = self._server.usage() if self._server is not None else {}
        behind = dict(self._behind.usage())
        return behind | {f"cache {name}": count for name, count in own.items()}

    def close(self) -> None:
        """Close both."""
        if self._server is not None:
            self._server.close()
        self._behind.close()

    def put(self, blobs: Mapping[str, bytes]) -> None:
        """Store objects behind, then here. Costs what that costs, and 1 request per 64 objects."""
        self._behind.put(blobs)
        self._keep(blobs)

    def get(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Return objects from here, else from behind. Costs 1 request per 64 objects, and what is missing as behind."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, bytes] = {}
        for part in _parts(wanted):
            values = self._tried("cache_get", "", *part) or ()
            found |= {key: value for key, value in zip(part, values, strict=False) if value is not None}
        missing = [key for key in wanted if key not in found]
        if missing:
            fetched = self._behind.get(missing)
            self._keep(fetched)
            found |= fetched
        return found

    def delete(self, keys: Iterable[str] = (), *, prefix: str | None = None) -> None:
        """Delete objects here and behind. Costs what that costs, and 1 request per 64 objects."""
        doomed = list(keys)
        self._drop(doomed, prefix)
        self._behind.delete(doomed, prefix=prefix)
        # Somebody may have read one meanwhile.
        self._drop(doomed, prefix)

    def _keep(self, blobs: Mapping[str, bytes]) -> None:
        small = [(key, data) for key, data in blobs.items() if len(data) <= self._most]
        for part in in_requests(small, count=_COUNT):
            words = [word for pair in part for word in pair]
            self._tried("cache_put", "", self._life, self._size, *words)

    def _drop(self, keys: Sequence[str], prefix: str | None) -> None:
        for part in _parts(keys):
            self._tried("cache_drop", "", _COUNT, *part)
        while prefix and self._tried("cache_drop", prefix, _COUNT):
            pass

    def _tried(self, script: str, *arguments: str | bytes | int) -> Any:
        """Return what a script answers; nothing when Redis cannot be used: the store behind has everything."""
        if time.monotonic() < self._look_at:
            return None
        try:
            return self._called(script, *arguments)
        except ProviderError:
            self._look_at = time.monotonic() + _PAUSE
            return None

    def _called(self, script: str, *arguments: str | bytes | int) -> Any:
        with self._lock:
            if self._server is None:
                self._server = Server(self._settings)
        return self._server.call(script, self._keys, *arguments)


def _opened(over: Mapping[str, Any], source: Source) -> PayloadStore:
    values = dict(over)
    name = values.pop("provider")
    offer = load_provider(name).offer(PayloadStore)  # type: ignore[type-abstract]
    if offer is None:
        raise ConfigError(f"{source.table}: provider {name!r} offers no payload store for `over`: name another one")
    try:
        settings = msgspec.convert(values, offer.Settings, strict=True)
    except (ValueError, TypeError, ArithmeticError, ConfigError) as error:
        raise ConfigError(f"{source.table}: `over`: {error}") from error
    return offer.open(settings, source)


def _parts(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    rest = iter(items)
    while part := list(islice(rest, _COUNT)):
        yield part
