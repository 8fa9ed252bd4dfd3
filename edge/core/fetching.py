"""Whether a sound may be fetched now, by the cluster's windows and its monthly data budget. Pure.

A window is for what can wait: what is due before the next one opens, or so soon after that it might not be here in
time, is fetched at once. The budget holds for all but emergencies.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from msgspec import Struct

from contract.model import ZONE, Bulletin, DailyWindow, Fetching, Priority
from contract.policy import is_within, parse_time

MIB = 1024 * 1024
TIME_TO_FETCH = timedelta(minutes=30)
"""A quarter of an hour of sound (4 MiB) takes so long at 20 kbit/s."""
UNTRUSTED_AGAIN = timedelta(minutes=1)
MOST_MONTHS = 24


class Hindrance(StrEnum):
    """Why a sound is not fetched now."""

    WINDOW = "window"
    BUDGET = "budget"


class Allowance(Struct, frozen=True, kw_only=True):
    """What counts for every sound now.

    Attributes:
        rules: The plan's.
        spent_bytes: Fetched this month.
        is_trusted: Whether the clock may be believed; else no window is known to be open.
    """

    now: datetime
    rules: Fetching = Fetching()
    spent_bytes: int = 0
    is_trusted: bool = True
    zone: str = ZONE


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether a sound may be fetched, and when to ask again where it may not.

    Attributes:
        hindrance: None: it may.
        ask_again_at: When that can have changed by itself; None: not by the passing of time alone.
    """

    hindrance: Hindrance | None = None
    ask_again_at: datetime | None = None


ALLOWED = Verdict()


def may_fetch(
    bulletin: Bulletin, due_at: datetime | None, rest_bytes: int, given: Allowance
) -> Verdict:
    """Whether a sound may be fetched now.

    Args:
        bulletin: The sound.
        due_at: When it is first needed; None: not within the days ahead.
        rest_bytes: What of it is still to come.
        given: The cluster's rules, and what is spent.
    """
    if bulletin.priority is Priority.EMERGENCY:
        return ALLOWED
    budget = given.rules.monthly_mib
    if budget is not None and given.spent_bytes + rest_bytes > budget * MIB:
        return Verdict(
            hindrance=Hindrance.BUDGET,
            ask_again_at=_next_month(given.now, given.zone)
            if given.is_trusted
            else given.now + UNTRUSTED_AGAIN,
        )
    return _by_window(due_at, given)


def _by_window(due_at: datetime | None, given: Allowance) -> Verdict:
    windows = given.rules.windows
    if not windows:
        return ALLOWED
    if not given.is_trusted:
        return Verdict(hindrance=Hindrance.WINDOW, ask_again_at=given.now + UNTRUSTED_AGAIN)
    opens_at = next_opening(given.now, windows, given.zone)
    if is_within(given.now, windows, given.zone) or _cannot_wait(due_at, opens_at):
        return ALLOWED
    # A due start that is not known yet may come with a later day: it is asked again by then at the latest.
    latest_at = opens_at if due_at is None else min(opens_at, due_at)
    return Verdict(hindrance=Hindrance.WINDOW, ask_again_at=latest_at)


def _cannot_wait(due_at: datetime | None, opens_at: datetime) -> bool:
    return due_at is not None and due_at < opens_at + TIME_TO_FETCH


def next_opening(now: datetime, windows: tuple[DailyWindow, ...], zone: str) -> datetime:
    """When the next window begins, later than now."""
    today = now.astimezone(ZoneInfo(zone)).date()
    begins = (
        datetime.combine(today + timedelta(days=days), parse_time(window.start), ZoneInfo(zone))
        for window in windows
        for days in (0, 1)
    )
    return min(begin for begin in begins if begin > now)


def month_of(at: datetime, zone: str = ZONE) -> str:
    """The local calendar month, like 2026-11."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m")


def _next_month(now: datetime, zone: str) -> datetime:
    local = now.astimezone(ZoneInfo(zone))
    first = (local.replace(day=1) + timedelta(days=32)).replace(day=1).date()
    return datetime.combine(first, time(), ZoneInfo(zone))


def spent_in(spent: Mapping[str, int], month: str | None) -> int:
    """Bytes fetched in a month; None: in the last one that is known, as nobody knows what month it is."""
    return spent.get(_known(spent, month), 0)


def spend(spent: Mapping[str, int], month: str | None, count: int) -> dict[str, int]:
    """Adds bytes to a month.

    Months that a wrong clock has shown keep their count too: who sets it to and fro gains nothing. Beyond two years of
    months those farthest away are forgotten.
    """
    key = _known(spent, month)
    changed = {**spent, key: spent.get(key, 0) + count}
    nearest = sorted(changed, key=lambda one: abs(_number(one) - _number(key)))
    return {one: changed[one] for one in sorted(nearest[:MOST_MONTHS])}


def _known(spent: Mapping[str, int], month: str | None) -> str:
    return month or max(spent, default="1970-01")


def _number(month: str) -> int:
    year, _, of_year = month.partition("-")
    return int(year) * 12 + int(of_year)
