"""Time zones by name, and the instants at which their clocks show something.

A zone is named as Windows does (`Pacific Standard Time`, `UTC-11`) or by its IANA key (`Europe/Berlin`), without regard
to case. Only names from these two lists reach the file system.

A *wall clock* is a naive `datetime`, an *instant* an aware one in UTC. Where an answer would lie outside of what a
`datetime` can hold, it is the nearest that it can: nothing here raises `OverflowError`.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from tzlocal.windows_tz import win_tz

from shared.errors import InvalidRequestError

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)

_SECOND = timedelta(seconds=1)


def parse_time_zone(name: str) -> ZoneInfo:
    """The zone of a Windows or IANA name; raises `InvalidRequestError` for any other."""
    tidy = " ".join(name.split())
    key = _keys().get(tidy.lower()) if tidy.isascii() else None
    if key is None:
        raise InvalidRequestError(
            f"'{name[:100]}' is not a time zone: use a Windows name such as "
            "'Pacific Standard Time' or an IANA name such as 'Europe/Berlin'."
        )
    return ZoneInfo(key)


def wall_clock_at(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the zone's clocks show."""
    try:
        return instant.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        nearest = EARLIEST if instant - EARLIEST < LATEST - instant else LATEST
        return nearest.replace(tzinfo=None)


def first_instant(wall_clock: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant at which the zone's clocks show *wall_clock* or later; None after the end of the calendar.

    In a gap that is the instant of the change, in an overlap the first of the two.
    """
    before, at = instants_around(wall_clock, zone)
    if wall_clock_at(before, zone) >= wall_clock:
        return before
    if wall_clock_at(at, zone) < wall_clock:
        return None
    while at - before > _SECOND:
        middle = before + (at - before) // (2 * _SECOND) * _SECOND
        if wall_clock_at(middle, zone) >= wall_clock:
            at = middle
        else:
            before = middle
    return at


def instants_around(wall_clock: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Two instants: clocks show less before the first, and more after the second.

    They are one, except in an overlap, where both show *wall_clock*, and in a gap, where the change lies between them.
    """
    as_utc = wall_clock.replace(tzinfo=UTC, fold=0)
    offsets = (zone.utcoffset(wall_clock.replace(fold=fold)) for fold in (0, 1))
    first, second = sorted(_less(as_utc, offset or timedelta()) for offset in offsets)
    return first, second


def skips_day_of(wall_clock: datetime, zone: ZoneInfo) -> bool:
    """Whether the zone never had the day of *wall_clock*, as Pacific/Apia never had 30 December 2011."""
    midnight = datetime.combine(wall_clock, datetime.min.time())
    first = first_instant(midnight, zone)
    return first is not None and wall_clock_at(first, zone).date() > wall_clock.date()


def _less(instant: datetime, offset: timedelta) -> datetime:
    try:
        return instant - offset
    except OverflowError:
        return EARLIEST if offset > timedelta() else LATEST


@cache
def _keys() -> dict[str, str]:
    """Names in lower case to IANA keys."""
    iana = {key.lower(): key for key in available_timezones()}
    return iana | {name.lower(): key for name, key in win_tz.items()}
