"""When the hub backs itself up, which backups it keeps, and when that is an alarm."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from contract.model import ZONE

FIRST_AFTER = timedelta(minutes=10)
"""A hub that has no backup makes one so long after its start, when the morning's work has begun."""
AGAIN_AFTER = timedelta(hours=1)
STALE_AFTER = timedelta(days=2)
PREFIX = "loaxa-hub-"
SUFFIX = ".tar.gz"


class BackupFacts(Struct, frozen=True, kw_only=True):
    """What the hub remembers of its backups.

    Attributes:
        made_at: When the last whole one was made.
        file: Where it is.
        failed_at: When the last attempt failed, if it did after that.
        why_vi: Why, in Vietnamese.
        why_en: Why, in English.
    """

    made_at: datetime | None = None
    file: str = ""
    failed_at: datetime | None = None
    why_vi: str = ""
    why_en: str = ""


def next_at(facts: BackupFacts, hour: int, started_at: datetime) -> datetime:
    """When the next backup is due.

    Args:
        facts: What is known of the last ones.
        hour: Local hour of the day.
        started_at: Since when the hub serves.
    """
    if facts.failed_at is not None:
        return facts.failed_at + AGAIN_AFTER
    if facts.made_at is None:
        return started_at + FIRST_AFTER
    return _first_mark_after(facts.made_at, hour)


def _first_mark_after(at: datetime, hour: int) -> datetime:
    local = at.astimezone(ZoneInfo(ZONE))
    mark = datetime.combine(local.date(), time(hour), tzinfo=local.tzinfo)
    return mark if mark > local else mark + timedelta(days=1)


def is_stale(facts: BackupFacts, started_at: datetime, now: datetime) -> bool:
    """Whether the last good backup is too old, or none came since the hub began to serve."""
    return now - (facts.made_at or started_at) > STALE_AFTER


def kept(made: Iterable[datetime], daily: int, weekly: int) -> frozenset[datetime]:
    """Which backups stay: the newest of each of the last days that have one, and of the last weeks."""
    zone = ZoneInfo(ZONE)
    newest_first = sorted(made, reverse=True)
    days: dict[object, datetime] = {}
    weeks: dict[object, datetime] = {}
    for at in newest_first:
        day = at.astimezone(zone).date()
        days.setdefault(day, at)
        weeks.setdefault(day.isocalendar()[:2], at)
    return frozenset([*days.values()][:daily] + [*weeks.values()][:weekly] + newest_first[:1])


def file_name(commune: str, at: datetime) -> str:
    """The name of a backup: whose, and of when (UTC)."""
    return f"{PREFIX}{commune}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"


def made_at(name: str, commune: str) -> datetime | None:
    """When the backup of that name was made; None when it is no backup of this commune."""
    prefix = f"{PREFIX}{commune}-"
    if not name.startswith(prefix) or not name.endswith(SUFFIX):
        return None
    try:
        return datetime.strptime(name[len(prefix) : -len(SUFFIX)], "%Y%m%dT%H%M%S%z")
    except ValueError:
        return None
