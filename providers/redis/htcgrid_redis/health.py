"""How a server is set up: what it may lose, and what must not be."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from htcgrid.errors import ConfigError, ProviderError, ProviderUnavailableError
from htcgrid.interfaces import Concern
from htcgrid_redis.server import Server

#: The version that has every command that is used: BLMPOP, and scripts that may say what they like in any order.
_VERSION = 7


class Health(NamedTuple):
    """What a server says of itself; an empty word where it may not be asked."""

    version: str
    #: Whether each write goes to a file, and when that file is flushed: ``always``, ``everysec`` or ``no``.
    appends: bool
    flushes: str
    #: The memory at which it refuses writes or evicts keys, 0 for none, and what it evicts then.
    memory: int
    evicts: str
    replicas: int

    @property
    def durable(self) -> bool:
        """Whether what it acknowledged survives the loss of power."""
        return self.appends and self.flushes == "always"


def examine(server: Server) -> Health:
    """Ask a server how it is set up. Costs 1 request, and another where it lets its settings be read.

    Raises:
        ConfigError: it is too old.
    """
    info: dict[str, str] = {}
    for section in ("server", "persistence", "memory", "replication"):
        info |= _parsed(server.info(section))
    settings: Mapping[str, str] = {}
    # Services that are rented out allow this to nobody; a user's rights may not hold it.
    with suppress(ProviderError):
        settings = server.settings("appendfsync", "maxmemory-policy", "maxmemory")
    version = info.get("valkey_version") or info.get("redis_version", "")
    if version and int(version.partition(".")[0]) < _VERSION:
        raise ConfigError(
            f"the server at {server.place} is of version {version}: Redis 7, Valkey 7.2 or later is needed"
        )
    return Health(
        version=version,
        appends=info.get("aof_enabled") == "1",
        flushes=settings.get("appendfsync", ""),
        memory=int(settings.get("maxmemory") or info.get("maxmemory") or 0),
        evicts=settings.get("maxmemory-policy") or info.get("maxmemory_policy", ""),
        replicas=int(info.get("connected_slaves") or 0),
    )


def concerns(server: Server, *, waits_for_replicas: bool) -> list[Concern]:
    """Return what is not as it should be with a server."""
    try:
        health = examine(server)
    except ProviderUnavailableError:
        raise
    except ProviderError as error:
        advice = "let the user call INFO, or ask whoever runs the server"
        return [Concern(f"it cannot be told what the server may lose: {error}", advice)]
    return list(_concerns(health, server.place, waits_for_replicas=waits_for_replicas))


def _concerns(health: Health, place: str, *, waits_for_replicas: bool) -> Iterator[Concern]:
    if health.evicts not in {"", "noeviction"} and health.memory:
        yield Concern(
            f"Redis at {place} evicts keys ({health.evicts}) once it uses {health.memory >> 20} MiB: sessions, results "
            "and payloads vanish one by one, and tasks that were accepted never end",
            "set `maxmemory-policy noeviction`, and give a cache a server of its own",
            grave=True,
        )
    if not health.appends:
        yield Concern(
            f"Redis at {place} appends no writes to a file (`appendonly no`): when it ends, by itself or with its "
            "machine, all sessions, results and payloads are lost, or those since its last snapshot",
            "set `appendonly yes` and `appendfsync always`, or submit again what was lost, under other ids",
        )
    elif not health.flushes:
        yield Concern(
            f"Redis at {place} does not tell when its file is flushed: with `appendfsync everysec` the writes of a "
            "second may be lost with its machine",
            "ask whoever runs it, or let the user call CONFIG GET",
        )
    elif health.flushes != "always":
        shown = "the writes of about a second" if health.flushes == "everysec" else "writes of half a minute"
        yield Concern(
            f"Redis at {place} flushes its file later (`appendfsync {health.flushes}`): {shown} may be lost with its "
            "machine: tasks that were accepted, or outcomes that were read, which are run again then",
            "set `appendfsync always`",
        )
    if health.replicas and not waits_for_replicas:
        yield Concern(
            f"Redis at {place} has {health.replicas} replicas, and no write waits for them: when one takes its place, "
            "the last writes are lost",
            "set `replicas = 1` in [state] of grid.toml",
        )
    if not health.memory:
        yield Concern(
            f"Redis at {place} has no limit of memory: when it uses up its machine's, the system ends it",
            "set `maxmemory` below what the machine has: it refuses what it cannot hold then, and clients try again",
        )


def _parsed(info: object) -> dict[str, str]:
    """Return the facts of an answer to INFO, whatever the SDK has made of it."""
    if isinstance(info, Mapping):
        return {str(name): str(value) for name, value in info.items()}
    text = info.decode() if isinstance(info, bytes) else str(info)
    lines = (line.partition(":") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value.strip() for name, _, value in lines}
