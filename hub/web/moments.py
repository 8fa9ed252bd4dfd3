"""Times in words, as people of the commune read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from contract.model import ZONE, Once, Weekly
from hub.web.texts import Say, mark

DAYS = (
    mark("Monday"),
    mark("Tuesday"),
    mark("Wednesday"),
    mark("Thursday"),
    mark("Friday"),
    mark("Saturday"),
    mark("Sunday"),
)
ALL_DAYS = 7
MIN_RUN = 3
"""So many days in a row are told by the first and the last."""
UNITS = ((86_400, mark("days")), (3600, mark("hours")), (60, mark("minutes")))
MIN_OF_UNIT = 2
"""A span is told in a unit from two of it on, so that every number is a plural."""


def local(at: datetime) -> datetime:
    """The instant on the commune's clock."""
    return at.astimezone(ZoneInfo(ZONE))


def instant_words(at: datetime) -> str:
    """Day and time: 23/11/2026 17:00."""
    return f"{local(at):%d/%m/%Y %H:%M}"


def instant_with_day(at: datetime, say: Say) -> str:
    """Weekday, day and time: thứ 2, 23/11/2026 17:00."""
    return f"{day_words(local(at).isoweekday(), say)}, {instant_words(at)}"


def day_words(iso_day: int, say: Say) -> str:
    """The name of a weekday, 1 for Monday."""
    return say(DAYS[iso_day - 1])


def length_words(duration_ms: int) -> str:
    """A length as minutes and seconds, 3:07, or with hours, 1:03:07."""
    minutes, seconds = divmod(round(duration_ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def span_words(span_s: float, say: Say) -> str:
    """A span in its largest fitting unit: 3 seconds, 5 minutes, 2 hours, 20 days."""
    for length_s, unit in UNITS:
        if span_s >= MIN_OF_UNIT * length_s:
            return f"{span_s / length_s:.0f} {say(unit)}"
    return f"{span_s:.0f} {say('seconds')}"


def when_words(when: Once | Weekly, say: Say) -> str:
    """When a slot starts, in words."""
    match when:
        case Once(at=at):
            return instant_with_day(at, say)
        case Weekly() as weekly:
            times = ", ".join(text[:5] for text in weekly.times)
            return f"{_days(weekly.days, say)} {say('at')} {times}{_bounds(weekly, say)}"


def _days(days: Sequence[int], say: Say) -> str:
    if len(set(days)) == ALL_DAYS:
        return say("every day")
    chosen = sorted(set(days))
    if len(chosen) >= MIN_RUN and chosen[-1] - chosen[0] == len(chosen) - 1:
        return f"{day_words(chosen[0], say)} {say('to')} {day_words(chosen[-1], say)}"
    return ", ".join(day_words(day, say) for day in chosen)


def _bounds(weekly: Weekly, say: Say) -> str:
    parts = [
        f" {say(word)} {date.fromisoformat(day):%d/%m/%Y}"
        for word, day in ((mark("from"), weekly.from_date), (mark("until"), weekly.until_date))
        if day
    ]
    return "".join(parts)
