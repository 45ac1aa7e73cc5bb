"""Times with their zones as bytes and back."""

from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ormsgpack import packb, unpackb

from htcgrid.errors import EncodingError


def datetime_bytes(value: datetime) -> bytes:
    """Return ISO 8601, or with a zone of its own or a fold ``[iso, fold, zone]``."""
    zone = value.tzinfo
    if (zone is None or zone is timezone.utc) and not value.fold:  # noqa: UP017 - the object itself
        return value.isoformat().encode()
    return packb([value.replace(tzinfo=None).isoformat(), value.fold, _zone_parts(zone)])


def datetime_of(data: bytes) -> datetime:
    """Return what :func:`datetime_bytes` was given."""
    if data[:1] != b"\x93":
        return datetime.fromisoformat(data.decode())
    text, fold, zone = unpackb(data)
    return datetime.fromisoformat(text).replace(fold=fold, tzinfo=_zone_of(zone))


def time_bytes(value: time) -> bytes:
    """Return ISO 8601, or with a zone or a fold ``[iso, fold, zone]``."""
    if value.tzinfo is None and not value.fold:
        return value.isoformat().encode()
    return packb([value.replace(tzinfo=None).isoformat(), value.fold, _zone_parts(value.tzinfo)])


def time_of(data: bytes) -> time:
    """Return what :func:`time_bytes` was given."""
    if data[:1] != b"\x93":
        return time.fromisoformat(data.decode())
    text, fold, zone = unpackb(data)
    return time.fromisoformat(text).replace(fold=fold, tzinfo=_zone_of(zone))


def date_bytes(value: date) -> bytes:
    """Return ISO 8601."""
    return value.isoformat().encode()


def date_of(data: bytes) -> date:
    """Return what :func:`date_bytes` was given."""
    return date.fromisoformat(data.decode())


def timedelta_bytes(value: timedelta) -> bytes:
    """Return days, seconds and microseconds."""
    return packb([value.days, value.seconds, value.microseconds])


def timedelta_of(data: bytes) -> timedelta:
    """Return what :func:`timedelta_bytes` was given."""
    return timedelta(*unpackb(data))


def zone_bytes(value: tzinfo) -> bytes:
    """Return a zone that travels by itself."""
    return packb(_zone_parts(value))


def zone_of(data: bytes) -> tzinfo | None:
    """Return what :func:`zone_bytes` was given."""
    return _zone_of(unpackb(data))


def _zone_parts(zone: tzinfo | None) -> Any:
    """Return a ZoneInfo's key, or a timezone's offset and name."""
    if zone is None:
        return None
    if type(zone) is ZoneInfo and zone.key:
        return zone.key
    if type(zone) is timezone:
        offset, name = zone.utcoffset(None), zone.tzname(None)
        named = [name] if timezone(offset).tzname(None) != name else []
        return [offset.days, offset.seconds, offset.microseconds, *named]
    kind = type(zone)
    raise TypeError(
        f"its time zone is of type {kind.__module__}.{kind.__qualname__}: use a zoneinfo.ZoneInfo with a key, or a "
        "datetime.timezone"
    )


def _zone_of(parts: Any) -> tzinfo | None:
    if parts is None:
        return None
    if isinstance(parts, str):
        try:
            return ZoneInfo(parts)
        except ZoneInfoNotFoundError as error:
            raise EncodingError(
                f"the time zone {parts!r} is not known here: install the package tzdata, on this side, too"
            ) from error
    days, seconds, microseconds, *name = parts
    return timezone(timedelta(days, seconds, microseconds), *name)
