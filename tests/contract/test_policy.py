from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.ids import BulletinId, SlotId
from contract.model import ZONE, Once, Priority, QuietHours, Slot, Weekly
from contract.policy import (
    DEFAULT_QUIET_HOURS,
    Precedence,
    is_quiet,
    planned_starts,
    precedence,
    touches_quiet,
)

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text + "+07:00")


def slot(when: Once | Weekly, owed_from: datetime = LONG_AGO) -> Slot:
    return Slot(
        id=SlotId("s"),
        bulletin=BulletinId("b"),
        when=when,
        owed_from=owed_from,
        approved_at=LONG_AGO,
    )


def test_weekly_slot_starts_at_local_times() -> None:
    weekly = slot(Weekly(days=(1, 3), times=("17:00", "05:30")))
    starts = planned_starts(weekly, local("2026-11-23T00:00"), local("2026-11-30T00:00"), ZONE)
    assert list(starts) == [
        local("2026-11-23T05:30"),
        local("2026-11-23T17:00"),
        local("2026-11-25T05:30"),
        local("2026-11-25T17:00"),
    ]


def test_weekly_slot_keeps_to_its_dates() -> None:
    weekly = slot(
        Weekly(
            days=(1, 2, 3, 4, 5, 6, 7),
            times=("17:00",),
            from_date="2026-11-24",
            until_date="2026-11-25",
        )
    )
    starts = planned_starts(weekly, local("2026-11-20T00:00"), local("2026-12-20T00:00"), ZONE)
    assert [start.date().isoformat() for start in starts] == ["2026-11-24", "2026-11-25"]


def test_nothing_is_owed_before_the_slot_was_there() -> None:
    once = Once(at=local("2026-11-24T17:00"))
    day = (local("2026-11-24T00:00"), local("2026-11-25T00:00"))
    assert list(planned_starts(slot(once), *day, ZONE)) == [once.at]
    assert list(planned_starts(slot(once, owed_from=local("2026-11-24T18:00")), *day, ZONE)) == []


@given(
    days=st.sets(st.integers(1, 7), min_size=1).map(tuple),
    times=st.sets(st.times().map(lambda t: t.strftime("%H:%M:%S")), min_size=1, max_size=4).map(
        tuple
    ),
    start_s=st.integers(0, 10**9),
    length_s=st.integers(0, 30 * 86400),
)
def test_starts_lie_in_the_window_in_order_and_split_anywhere(
    days: tuple[int, ...], times: tuple[str, ...], start_s: int, length_s: int
) -> None:
    start = datetime(2020, 1, 2, tzinfo=UTC) + timedelta(seconds=start_s)
    end = start + timedelta(seconds=length_s)
    middle = start + timedelta(seconds=length_s // 3)
    weekly = slot(Weekly(days=days, times=times))
    whole = list(planned_starts(weekly, start, end, ZONE))
    assert whole == sorted(set(whole))
    assert all(start <= one < end for one in whole)
    halves = [
        *planned_starts(weekly, start, middle, ZONE),
        *planned_starts(weekly, middle, end, ZONE),
    ]
    assert whole == halves


@pytest.mark.parametrize(
    ("at", "quiet"),
    [("03:15", True), ("04:59", True), ("05:00", False), ("12:00", True), ("13:30", False), ("17:00", False),
     ("21:29", False), ("21:30", True), ("00:00", True)],
)  # fmt: skip
def test_default_quiet_hours(at: str, *, quiet: bool) -> None:
    assert is_quiet(local(f"2026-11-24T{at}"), DEFAULT_QUIET_HOURS, ZONE) is quiet


@pytest.mark.parametrize(
    ("at", "minutes", "touches"),
    [("21:20", 9, False), ("21:20", 11, True), ("04:50", 5, True), ("05:00", 60, False), ("10:00", 120, True),
     ("23:00", 1, True)],
)  # fmt: skip
def test_a_sound_may_not_run_into_quiet_hours(at: str, minutes: int, *, touches: bool) -> None:
    assert (
        touches_quiet(local(f"2026-11-24T{at}"), minutes * 60, DEFAULT_QUIET_HOURS, ZONE) is touches
    )


def test_no_quiet_hours_means_never_quiet() -> None:
    assert not touches_quiet(local("2026-11-24T03:15"), 60, (), ZONE)
    assert not is_quiet(local("2026-11-24T03:15"), (QuietHours(start="05:00", end="05:00"),), ZONE)


def test_precedence_of_the_three_kinds() -> None:
    assert (
        precedence(Priority.EMERGENCY) > precedence(Priority.PRIORITY) > precedence(Priority.NORMAL)
    )
    assert (
        Precedence.EMERGENCY
        > Precedence.LIVE
        > Precedence.PRIORITY
        > Precedence.SCHEDULED
        > Precedence.FILLER
    )


def test_planned_starts_are_instants_without_the_history_of_a_zone() -> None:
    (start,) = planned_starts(
        slot(Weekly(days=(1,), times=("08:00",))),
        local("2026-11-23T00:00"),
        local("2026-11-24T00:00"),
        ZONE,
    )
    back = timedelta(days=56 * 365)
    assert start - back == start.astimezone(UTC) - back
    assert (start - back).utcoffset() == timedelta(0)
