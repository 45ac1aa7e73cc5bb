"""How bundles come back: those whose lease lapsed, those whose time came, and those that nobody was told of."""

from typing import NamedTuple

from htcgrid.model import BundleKey, Hint, defaults
from htcgrid_redis import endings
from htcgrid_redis.access import Access, numbered
from htcgrid_redis.keys import Shard, field_of, parse_name
from htcgrid_redis.records import encode, hint_of
from htcgrid_redis.server import Call


class _Found(NamedTuple):
    """A bundle that a look found."""

    key: BundleKey
    name: str
    #: Its member of the set of those that wait; empty when its time came.
    member: str


def due(access: Access, limit: int, dry: str | None) -> list[Hint]:
    """Return bundles to hint, and finish sweeps that broke off.

    Costs 1 request per shard, and another per shard in which something is due.
    """
    shards = access.layout.shards
    arguments = (access.now, limit, dry or "")
    looks = access.server.calls([Call("look", [shard.due, shard.wait, shard.sweep], arguments) for shard in shards])
    hints: list[Hint] = []
    for shard, (timed, waiting, sweep) in zip(shards, looks, strict=True):
        if sweep is not None:
            endings.sweep(access, shard, sweep.decode())
        found = {name: _Found(parse_name(name), name, "") for name in map(bytes.decode, timed)}
        for member in map(bytes.decode, waiting):
            name = member.split("/", 2)[2]
            found.setdefault(name, _Found(parse_name(name), name, member))
        if found:
            hints += _take(access, shard, list(found.values())[: max(0, limit - len(hints))])
    return hints


def _take(access: Access, shard: Shard, found: list[_Found]) -> list[Hint]:
    if not found:
        return []
    sessions = numbered([one.key.session for one in found])
    places = [place for session in sessions for place in shard.session(session)]
    wanted = [(sessions[one.key.session], one.name, field_of(one.key), one.member) for one in found]
    arguments = (access.now, access.forget, defaults.SCHEMA, encode(wanted))
    hints = access.server.call("revive", [shard.due, shard.wait, *places], *arguments)
    return [hint_of(found[number - 1].key, facts) for number, *facts in hints]
