"""Times as people type them at the command line."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from contract.model import ZONE
from contract.policy import parse_time

NOW_MARGIN = timedelta(seconds=4)
"""What `now` needs to reach every cluster and warm up its amplifier."""


def planned_at(text: str, now: datetime) -> datetime:
    """The instant meant by `now`, by 17:00 (the next one) or by 2026-11-24T17:00, in the commune's time.

    Raises:
        ValueError: It is none of these.
    """
    zone = ZoneInfo(ZONE)
    if text == "now":
        return now + NOW_MARGIN
    if "T" in text or "-" in text:
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=zone)
    local = now.astimezone(zone)
    at = datetime.combine(local.date(), parse_time(text), tzinfo=zone)
    return at if at > now else at + timedelta(days=1)
