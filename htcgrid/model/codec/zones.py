"""Time zones of pandas' times, by kind and name."""

from datetime import timedelta, timezone, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from htcgrid.model.codec.arrays import library


class Zone(msgspec.Struct, frozen=True, array_like=True):
    """A time zone that both sides can make."""

    kind: Literal["zoneinfo", "offset", "pytz"]
    name: str | None
    #: East of UTC, in microseconds.
    offset: int = 0


def zone_named(zone: tzinfo) -> Zone:
    """Return how the other side makes this zone.

    Raises:
        TypeError: it may not be able to.
    """
    if type(zone) is ZoneInfo and zone.key is not None:
        return Zone("zoneinfo", zone.key)
    if type(zone) is timezone:
        offset = zone.utcoffset(None)
        name = zone.tzname(None)
        usual = name == timezone(offset).tzname(None)
        return Zone("offset", None if usual else name, offset // timedelta(microseconds=1))
    # What pandas before 3 makes of the name of a zone.
    key = getattr(zone, "zone", None)
    if type(zone).__module__.startswith("pytz") and isinstance(key, str):
        return Zone("pytz", key)
    raise TypeError(
        f"time zones of type {type(zone).__name__} do not travel: convert to a zoneinfo.ZoneInfo with dt.tz_convert"
    )


def zone_of(zone: Zone) -> tzinfo:
    """Return the zone.

    Raises:
        LookupError: this side does not know it.
    """
    if zone.kind == "zoneinfo":
        return ZoneInfo(zone.name or "")
    if zone.kind == "pytz":
        return library("pytz").timezone(zone.name)  # type: ignore[no-any-return]
    offset = timedelta(microseconds=zone.offset)
    if zone.name is not None:
        return timezone(offset, zone.name)
    return timezone(offset)
