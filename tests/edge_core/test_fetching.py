from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.ids import BulletinId, Sha256
from contract.model import ZONE, Bulletin, DailyWindow, Fetching, Priority
from contract.policy import is_within
from edge.core.fetching import (
    ALLOWED,
    MIB,
    MOST_MONTHS,
    TIME_TO_FETCH,
    Allowance,
    Hindrance,
    may_fetch,
    month_of,
    next_opening,
    spend,
    spent_in,
)

NIGHT = DailyWindow(start="22:00", end="05:00")
NOON = DailyWindow(start="12:00", end="13:00")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}:00+07:00")


def bulletin(priority: Priority = Priority.NORMAL) -> Bulletin:
    return Bulletin(
        id=BulletinId("tin"),
        title="Tin",
        sha256=Sha256("0" * 64),
        size_bytes=MIB,
        duration_ms=60_000,
        priority=priority,
    )


FOUR = Allowance(now=at("24T16:00"), rules=Fetching(windows=(NIGHT,)))


@pytest.mark.parametrize(
    ("due", "may"),
    [
        ("24T17:00", True),  # planned at 16:00 for 17:00: it cannot wait for the night
        ("24T22:00", True),
        ("24T22:29", True),  # the window opens, but it might not be here in time
        ("24T22:30", False),
        ("25T05:00", False),
        (None, False),
    ],
)
def test_a_window_is_for_what_can_wait(due: str | None, may: bool) -> None:
    verdict = may_fetch(bulletin(), at(due) if due else None, MIB, FOUR)
    assert (verdict.hindrance is None) == may
    if not may:
        assert verdict.hindrance is Hindrance.WINDOW
        assert verdict.ask_again_at == at("24T22:00")


@pytest.mark.parametrize("hour", ["24T22:00", "25T02:00", "25T04:59"])
def test_in_the_window_everything_is_fetched(hour: str) -> None:
    assert may_fetch(bulletin(), None, MIB, replace(FOUR, now=at(hour))) == ALLOWED


def test_without_windows_and_budget_nothing_hinders() -> None:
    assert may_fetch(bulletin(), None, MIB, Allowance(now=at("24T16:00"))) == ALLOWED


def test_nobody_knows_whether_a_window_is_open_while_the_clock_is_not_trusted() -> None:
    given_now = replace(FOUR, is_trusted=False, now=at("25T02:00"))
    verdict = may_fetch(bulletin(), at("25T02:00"), MIB, given_now)
    assert verdict.hindrance is Hindrance.WINDOW
    assert verdict.ask_again_at is not None
    assert verdict.ask_again_at - given_now.now == timedelta(minutes=1)


@pytest.mark.parametrize(("spent_mib", "may"), [(0, True), (9, True), (9.5, False), (20, False)])
def test_the_budget_holds_also_for_what_is_due(spent_mib: float, may: bool) -> None:
    rules = Fetching(monthly_mib=10)
    given_now = Allowance(now=at("24T16:00"), rules=rules, spent_bytes=round(spent_mib * MIB))
    verdict = may_fetch(bulletin(), at("24T16:30"), MIB, given_now)
    assert (verdict.hindrance is None) == may
    if not may:
        assert verdict.hindrance is Hindrance.BUDGET
        assert verdict.ask_again_at == datetime(2026, 12, 1, tzinfo=ZoneInfo(ZONE))


def test_what_has_come_already_needs_no_budget() -> None:
    given_now = Allowance(now=at("24T16:00"), rules=Fetching(monthly_mib=10), spent_bytes=10 * MIB)
    assert may_fetch(bulletin(), None, 0, given_now) == ALLOWED


def test_emergencies_are_exempt_from_both() -> None:
    rules = Fetching(windows=(NIGHT,), monthly_mib=1)
    given_now = Allowance(now=at("24T16:00"), rules=rules, spent_bytes=50 * MIB)
    assert may_fetch(bulletin(Priority.EMERGENCY), None, MIB, given_now) == ALLOWED


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("24T16:00", "24T22:00"),
        ("24T23:00", "25T12:00"),
        ("24T12:00", "24T22:00"),
        ("24T11:59", "24T12:00"),
        ("24T22:00", "25T12:00"),
    ],
)
def test_the_next_opening_is_the_nearest_of_all_windows(now: str, opens: str) -> None:
    assert next_opening(at(now), (NIGHT, NOON), ZONE) == at(opens)


minutes = st.integers(0, 1439).map(lambda one: f"{one // 60:02}:{one % 60:02}")
windows = st.lists(
    st.builds(lambda start, end: DailyWindow(start=start, end=end), minutes, minutes),
    min_size=1,
    max_size=3,
).map(tuple)
instants = st.integers(0, 2 * 365 * 1440).map(
    lambda one: datetime(2026, 1, 1, tzinfo=ZoneInfo(ZONE)) + timedelta(minutes=one)
)


@given(windows, instants, st.none() | st.integers(0, 10_000))
def test_whatever_the_windows_what_is_due_first_is_never_held_back_and_asking_again_helps(
    some: tuple[DailyWindow, ...], now: datetime, due_in_min: int | None
) -> None:
    due = None if due_in_min is None else now + timedelta(minutes=due_in_min)
    given_now = Allowance(now=now, rules=Fetching(windows=some))
    verdict = may_fetch(bulletin(), due, MIB, given_now)
    if verdict.hindrance is None:
        return
    opens = next_opening(now, some, ZONE)
    assert not is_within(now, some, ZONE)
    assert due is None or due >= opens + TIME_TO_FETCH
    assert verdict.ask_again_at is not None
    assert now < verdict.ask_again_at <= opens
    if all(window.start != window.end for window in some):
        again = replace(given_now, now=opens)
        assert may_fetch(bulletin(), due, MIB, again) == ALLOWED


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.integers(1, 10**7), st.booleans()),
        min_size=1,
        max_size=60,
    )
)
def test_whatever_the_clock_does_no_byte_of_a_month_is_forgotten(
    fetches: list[tuple[int, int, bool]],
) -> None:
    """The clock jumps over days to and fro, and is not always trusted."""
    began = at("24T16:00")
    spent: dict[str, int] = {}
    true: dict[str, int] = {}
    for days, count, is_trusted in fetches:
        month = month_of(began + timedelta(days=days)) if is_trusted else None
        counts_for = month or max(spent, default="1970-01")
        spent = spend(spent, month, count)
        true[counts_for] = true.get(counts_for, 0) + count
        assert spent_in(spent, month) == true[counts_for]
    assert spent == true


def test_months_are_not_kept_for_ever() -> None:
    spent: dict[str, int] = {}
    for year in range(2000, 2060):
        spent = spend(spent, f"{year}-06", 1)
    assert len(spent) == MOST_MONTHS
    assert spent_in(spent, "2059-06") == 1
