"""How bundles come back: those whose lease lapsed, those whose time came, and those that nobody was told of."""

from typing import NamedTuple

from htcgrid.errors import UnreadableError
from htcgrid.model import BundleKey, Hint, defaults
from htcgrid_redis import endings
from htcgrid_redis.access import Access, numbered, text_of
from htcgrid_redis.keys import Shard, field_of, parse_name
from htcgrid_redis.records import encode, hint_of
from htcgrid_redis.server import Call, Command

#: Milliseconds.
_HOUR = 3_600_000


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
    for shard, (timed, waiting, sweep, now) in zip(shards, looks, strict=True):
        if sweep is not None:
            endings.sweep(access, shard, sweep.decode("utf-8", "replace"))
        found: dict[str, _Found] = {}
        for is_member, row in (*((False, row) for row in timed), *((True, row) for row in waiting)):
            try:
                one = _found(row, is_member=is_member)
            except UnreadableError as error:
                access.met.note(error)
                _set_aside(access, shard, row, int(now), is_member=is_member)
                continue
            found.setdefault(one.name, one)
        if found:
            hints += _take(access, shard, list(found.values())[: max(0, limit - len(hints))])
    return hints


def _found(row: bytes, *, is_member: bool) -> _Found:
    member = text_of(row, "the name of a bundle")
    name = member.split("/", 2)[-1] if is_member else member
    return _Found(parse_name(name), name, member if is_member else "")


def _set_aside(access: Access, shard: Shard, row: bytes, now: int, *, is_member: bool) -> None:
    """Let what is no bundle's name not stand in front of others: it is looked at again after an hour, or a look.

    What waits is listed there again by its own record; the name of none is no record.
    """
    aside: Command = ("ZREM", shard.wait, row) if is_member else ("ZADD", shard.due, "XX", now + _HOUR, row)
    access.server.commands([aside])


def _take(access: Access, shard: Shard, found: list[_Found]) -> list[Hint]:
    if not found:
        return []
    sessions = numbered([one.key.session for one in found])
    places = [place for session in sessions for place in shard.session(session)]
    wanted = [(sessions[one.key.session], one.name, field_of(one.key), one.member) for one in found]
    arguments = (access.now, access.forget, defaults.SCHEMA, encode(wanted))
    hints = access.server.call("revive", [shard.due, shard.wait, shard.damaged, *places], *arguments)
    return [hint_of(found[number - 1].key, facts) for number, *facts in hints]
