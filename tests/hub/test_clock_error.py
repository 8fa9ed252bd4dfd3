from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.core.alarms import alarms
from hub.core.clock_error import ClockReading, after_stamp, is_clock_off

NOON = datetime(2026, 11, 24, 5, tzinfo=UTC)


def _stamps(*moments: tuple[float, float]) -> ClockReading | None:
    """Messages as (heard after so many seconds, error in seconds)."""
    reading = None
    for after_s, error_s in moments:
        at = NOON + timedelta(seconds=after_s)
        reading = after_stamp(reading, at + timedelta(seconds=error_s), at)
    return reading


def _off(reading: ClockReading | None, after_s: float) -> bool:
    return is_clock_off(reading, NOON + timedelta(seconds=after_s))


def test_nothing_said_is_not_off() -> None:
    assert not _off(None, 100)


def test_a_right_clock() -> None:
    reading = _stamps((0, -0.4), (60, 4.9))
    assert reading is not None
    assert round(reading.error_s, 3) == 4.9
    assert not _off(reading, 10_000)


def test_a_wrong_clock_counts_once_it_has_stood() -> None:
    for error_s in (7.0, -3600.0):
        assert not _off(_stamps((0, error_s)), 4)
        assert _off(_stamps((0, error_s)), 5)
        assert _off(_stamps((0, error_s), (4, error_s)), 5)


def test_what_a_cut_link_held_back_is_corrected_before_it_counts() -> None:
    assert not _off(_stamps((0, 0.1), (300, -240.0), (301, 0.1)), 400)


def test_a_corrected_clock_is_right_at_once() -> None:
    assert not _off(_stamps((0, 7.0), (60, 0.2)), 60)


def test_no_alarm_without_a_word() -> None:
    assert alarms(None, clock_is_off=False) == ()
    assert alarms(None, clock_is_off=True) == ("clock_off",)
