"""Whether a slot may be planned as it was asked for, and when it would start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import islice

from contract.ids import BulletinId, SlotId
from contract.model import ZONE, Once, Priority, QuietHours, Slot, Weekly
from contract.policy import planned_starts, touches_quiet
from hub import refusals
from hub.core.model import BulletinRecord, SlotOrder, SlotRecord
from hub.core.planning import LAST_YEAR

LOOK_AHEAD = timedelta(days=8)
"""A week and a day: every start of a weekly slot is seen at least once."""
FAR_AHEAD = timedelta(days=400)
MAX_SHOWN = 50
FIRST_YEAR = 2000


def check_order(
    order: SlotOrder, bulletin: BulletinRecord, quiet: Sequence[QuietHours], now: datetime
) -> None:
    """Refuses what cannot or may not be planned.

    Raises:
        HubError: Past, never, at a wrong date, an emergency, or in quiet hours without a person's word.
    """
    if bulletin.priority is Priority.EMERGENCY:
        raise refusals.emergency_by_slot()
    _check_dates(order)
    starts = starts_from(order, now)
    if not starts:
        raise (
            refusals.slot_in_past(order.when.at)
            if isinstance(order.when, Once)
            else refusals.never_starts()
        )
    if not order.in_quiet_hours:
        _check_quiet(starts, bulletin, quiet)


def _check_dates(order: SlotOrder) -> None:
    if isinstance(order.when, Once):
        _check_year(order.when.at)
        return
    try:
        bounds = [date.fromisoformat(d) for d in (order.when.from_date, order.when.until_date) if d]
    except ValueError as error:
        raise refusals.bad_dates() from error
    for day in bounds:
        _check_year(day)
    if bounds != sorted(bounds):
        raise refusals.bad_dates()


def _check_year(day: date) -> None:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise refusals.date_beyond_reason(FIRST_YEAR, LAST_YEAR)


def _check_quiet(
    starts: Sequence[datetime], bulletin: BulletinRecord, quiet: Sequence[QuietHours]
) -> None:
    duration_s = bulletin.duration_ms / 1000
    for at in starts:
        for window in quiet:
            if touches_quiet(at, duration_s, (window,), ZONE):
                raise refusals.quiet_hours(at, f"{window.start}-{window.end}")


def starts_from(order: SlotOrder, now: datetime) -> tuple[datetime, ...]:
    """Planned starts from `now`: those of the next eight days, or of the first week that has any."""
    slot = _as_slot(order.when, now)
    if isinstance(order.when, Once):
        return (order.when.at,) if order.when.at >= now else ()
    first = next(planned_starts(slot, now, now + FAR_AHEAD, ZONE), None)
    if first is None:
        return ()
    return tuple(planned_starts(slot, first, first + LOOK_AHEAD, ZONE))


def next_start(record: SlotRecord, now: datetime) -> datetime | None:
    """The next planned start that nobody has stopped."""
    if record.cancelled_at is not None:
        return None
    stopped = {stop.planned_at for stop in record.stops}
    slot = _as_slot(record.when, max(now, record.owed_from))
    if isinstance(record.when, Once):
        at = record.when.at
        return at if at >= slot.owed_from and at not in stopped else None
    starts = planned_starts(slot, now, slot.owed_from + FAR_AHEAD, ZONE)
    return next((at for at in islice(starts, MAX_SHOWN) if at not in stopped), None)


def start_to_stop(record: SlotRecord, duration_ms: int, now: datetime) -> datetime | None:
    """Which planned start "stop" means: the one that may sound now, else the next."""
    sounding = timedelta(milliseconds=duration_ms, seconds=record.late_limit_s)
    stopped = {stop.planned_at for stop in record.stops}
    slot = _as_slot(record.when, record.owed_from)
    begun = [
        at
        for at in planned_starts(slot, now - sounding, now + timedelta(microseconds=1), ZONE)
        if at not in stopped
    ]
    return begun[-1] if begun else next_start(record, now)


def has_start(record: SlotRecord, at: datetime) -> bool:
    """Whether a slot has this very planned start."""
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        return False
    slot = _as_slot(record.when, record.owed_from)
    return at in planned_starts(slot, at, at + timedelta(microseconds=1), ZONE)


def owed_from_after(
    record: SlotRecord, order: SlotOrder, duration_ms: int, now: datetime
) -> datetime:
    """From when a changed slot owes its starts.

    A change of volume or clusters leaves it. A change of times owes nothing that has passed, save a start that both the
    old and the new times have and that may still sound: it is not cut off.
    """
    if order.when == record.when:
        return record.owed_from
    horizon = now - timedelta(milliseconds=duration_ms, seconds=record.late_limit_s)
    end = now + timedelta(microseconds=1)
    old = set(planned_starts(_as_slot(record.when, record.owed_from), horizon, end, ZONE))
    new = set(planned_starts(_as_slot(order.when, record.owed_from), horizon, end, ZONE))
    return min(old & new, default=now)


def _as_slot(when: Once | Weekly, owed_from: datetime) -> Slot:
    return Slot(
        id=SlotId(""),
        bulletin=BulletinId(""),
        when=when,
        owed_from=owed_from,
        approved_at=owed_from,
    )
