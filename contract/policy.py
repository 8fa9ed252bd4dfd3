"""The rules that hub and edge share, each written once: precedence, planned starts, quiet hours, limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

from contract.model import DailyWindow, Once, Priority, QuietHours, Slot, Weekly

AMPLIFIER_WARM_UP_S = 2.0
AMPLIFIER_HOLD_S = 0.5
"""How long the amplifier stays on after the last sample: no clipped syllable, no thump."""
DEFAULT_QUIET_HOURS = (
    QuietHours(start="21:30", end="05:00"),
    QuietHours(start="11:30", end="13:30"),
)
MAX_DURATION_S = 4 * 3600


class Precedence(IntEnum):
    """Who sounds when two want to."""

    FILLER = 0
    SCHEDULED = 1
    PRIORITY = 2
    LIVE = 3
    EMERGENCY = 4


def precedence(priority: Priority) -> Precedence:
    """The rank of a bulletin that plays through a slot."""
    match priority:
        case Priority.EMERGENCY:
            return Precedence.EMERGENCY
        case Priority.PRIORITY:
            return Precedence.PRIORITY
        case Priority.NORMAL:
            return Precedence.SCHEDULED


def parse_time(text: str) -> time:
    """A local time of day from HH:MM or HH:MM:SS."""
    return time.fromisoformat(text)


def planned_starts(slot: Slot, start: datetime, end: datetime, zone: str) -> Iterator[datetime]:
    """Planned starts of a slot in [start, end), in order, not before they are owed."""
    start = max(start, slot.owed_from)
    match slot.when:
        case Once(at=at):
            if start <= at < end:
                yield at
        case Weekly() as weekly:
            yield from _weekly_starts(weekly, start, end, ZoneInfo(zone))


def _weekly_starts(
    weekly: Weekly, start: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[datetime]:
    times = sorted({parse_time(text) for text in weekly.times})
    day = start.astimezone(zone).date()
    last = end.astimezone(zone).date()
    while day <= last:
        if day.isoweekday() in weekly.days and _in_dates(day, weekly):
            for moment in times:
                # In UTC: sums with a local time would follow the zone's history (+08:00 in 1970).
                at = datetime.combine(day, moment, tzinfo=zone).astimezone(UTC)
                if start <= at < end:
                    yield at
        day += timedelta(days=1)


def _in_dates(day: date, weekly: Weekly) -> bool:
    return (weekly.from_date is None or day.isoformat() >= weekly.from_date) and (
        weekly.until_date is None or day.isoformat() <= weekly.until_date
    )


def is_quiet(at: datetime, quiet_hours: Sequence[QuietHours], zone: str) -> bool:
    """Whether an instant lies in quiet hours of the commune."""
    return is_within(at, quiet_hours, zone)


def is_within(at: datetime, windows: Sequence[DailyWindow], zone: str) -> bool:
    """Whether an instant lies in one of the daily windows."""
    moment = at.astimezone(ZoneInfo(zone)).time()
    return any(_holds(window, moment) for window in windows)


def _holds(window: DailyWindow, moment: time) -> bool:
    start, end = parse_time(window.start), parse_time(window.end)
    if start <= end:
        return start <= moment < end
    return moment >= start or moment < end


def touches_quiet(
    at: datetime, duration_s: float, quiet_hours: Sequence[QuietHours], zone: str
) -> bool:
    """Whether a sound from `at` for `duration_s` reaches into quiet hours anywhere."""
    return quiet_from(at, duration_s, quiet_hours, zone) is not None


def quiet_from(
    at: datetime, duration_s: float, quiet_hours: Sequence[QuietHours], zone: str
) -> datetime | None:
    """The first instant of a sound from `at` for `duration_s` that lies in quiet hours; None: it has none."""
    if is_quiet(at, quiet_hours, zone):
        return at
    local = at.astimezone(ZoneInfo(zone))
    end = local + timedelta(seconds=duration_s)
    openings = (
        datetime.combine(day, parse_time(window.start), tzinfo=local.tzinfo)
        for window in quiet_hours
        for day in (local.date(), end.date())
    )
    return min((opening for opening in openings if local < opening < end), default=None)
