"""How a server is set up: what it may lose, and what must not be."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from htcgrid.errors import ConfigError, ProviderError, ProviderUnavailableError
from htcgrid.interfaces import Concern
from htcgrid_redis.server import Server

#: The version that has every command that is used: BLMPOP, and scripts that may say what they like in any order.
_VERSION = 7


#: Versions in which scripts write some large numbers wrong (https://github.com/redis/redis/pull/13115).
_WRONG = ("7.2.", range(5))


class Health(NamedTuple):
    """What servers say of themselves; an empty word where they may not be asked."""

    #: Those of which all this is true.
    places: tuple[str, ...]
    version: str
    #: Whether each write goes to a file, and when that file is flushed: ``always``, ``everysec`` or ``no``.
    appends: bool
    flushes: str
    #: The memory at which it refuses writes or evicts keys, 0 for none, and what it evicts then.
    memory: int
    evicts: str
    replicas: int
    #: Whether they go on without flushing while they write their file anew.
    pauses: bool

    @property
    def durable(self) -> bool:
        """Whether what it acknowledged survives the loss of power."""
        return self.appends and self.flushes == "always" and not self.pauses

    @property
    def shown(self) -> str:
        """The servers, for a message."""
        more = f" and {len(self.places) - 3} more" if len(self.places) > 3 else ""
        return ", ".join(self.places[:3]) + more


def examine(server: Server) -> list[Health]:
    """Ask a server, or all primaries of a cluster, how it is set up; those that say the same are told together.

    Costs 4 requests per server, and 4 where it lets its settings be read.

    Raises:
        ConfigError: one is too old.
    """
    found: dict[Health, list[str]] = {}
    for place, node in server.nodes().items():
        found.setdefault(_health(server, place, node), []).append(place)
    return [health._replace(places=tuple(places)) for health, places in found.items()]


def _health(server: Server, place: str, node: Any) -> Health:
    info: dict[str, str] = {}
    for section in ("server", "persistence", "memory", "replication"):
        info |= _parsed(server.info(node, section))
    settings: Mapping[str, str] = {}
    # Services that are rented out allow this to nobody; a user's rights may not hold it.
    with suppress(ProviderError):
        settings = server.settings(node, "appendfsync", "maxmemory-policy", "maxmemory", "no-appendfsync-on-rewrite")
    version = info.get("valkey_version") or info.get("redis_version", "")
    if version and int(version.partition(".")[0]) < _VERSION:
        raise ConfigError(f"the server at {place} is of version {version}: Redis 7, Valkey 7.2 or later is needed")
    before, wrong = _WRONG
    if "valkey_version" not in info and version.startswith(before) and _last(version) in wrong:
        raise ConfigError(
            f"the server at {place} is Redis {version}, whose scripts write some numbers wrong: 7.2.5 does not"
        )
    return Health(
        places=(),
        version=version,
        appends=info.get("aof_enabled") == "1",
        flushes=settings.get("appendfsync", ""),
        memory=int(settings.get("maxmemory") or info.get("maxmemory") or 0),
        evicts=settings.get("maxmemory-policy") or info.get("maxmemory_policy", ""),
        replicas=int(info.get("connected_slaves") or 0),
        pauses=settings.get("no-appendfsync-on-rewrite") == "yes",
    )


def _last(version: str) -> int:
    number = version.rpartition(".")[2]
    return int(number) if number.isdecimal() else -1


def concerns(
    server: Server, *, waits_for_replicas: bool, must_last: bool = True, is_cluster: bool = False
) -> list[Concern]:
    """Return what is not as it should be with a server; with ``must_last``, also what it may lose when it ends."""
    try:
        healths = examine(server)
    except ProviderUnavailableError:
        raise
    except ProviderError as error:
        advice = "let the user call INFO, or ask whoever runs the server"
        return [Concern(f"it cannot be told what the server may lose: {error}", advice)]
    found: list[Concern] = []
    for health in healths:
        found += _of_memory(health)
        if must_last:
            found += _of_durability(health)
        if health.replicas and not waits_for_replicas:
            found.append(_of_replicas(health, is_cluster=is_cluster))
    return sorted(found, key=lambda concern: not concern.grave)


def _of_memory(health: Health) -> Iterator[Concern]:
    place = health.shown
    if health.evicts not in {"", "noeviction"} and health.memory:
        yield Concern(
            f"Redis at {place} evicts keys ({health.evicts}) once it uses {health.memory >> 20} MiB: sessions, results "
            "and payloads vanish one by one, and tasks that were accepted never end",
            "set `maxmemory-policy noeviction`, and give a cache a server of its own",
            grave=True,
        )
    if not health.memory:
        yield Concern(
            f"Redis at {place} has no limit of memory: when it uses up its machine's, the system ends it",
            "set `maxmemory` below what the machine has: it refuses what it cannot hold then, and clients try again",
        )


def _of_durability(health: Health) -> Iterator[Concern]:
    place = health.shown
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
    elif health.pauses:
        yield Concern(
            f"Redis at {place} does not flush its file while it writes it anew (`no-appendfsync-on-rewrite yes`): the "
            "writes of half a minute may be lost with its machine then",
            "set `no-appendfsync-on-rewrite no`",
        )


def _of_replicas(health: Health, *, is_cluster: bool) -> Concern:
    advice = "set `replicas = 1` in [state] of grid.toml"
    if is_cluster:
        advice = "submit again what was lost; a primary behind Sentinels can be waited for, with `replicas = 1`"
    return Concern(
        f"Redis at {health.shown} has {health.replicas} replicas, and no write waits for them: when one takes its "
        "place, the last writes are lost",
        advice,
    )


def _parsed(info: object) -> dict[str, str]:
    """Return the facts of an answer to INFO, whatever the SDK has made of it."""
    if isinstance(info, Mapping):
        return {str(name): str(value) for name, value in info.items()}
    text = info.decode() if isinstance(info, bytes) else str(info)
    lines = (line.partition(":") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value.strip() for name, _, value in lines}
