from __future__ import annotations

import pytest

from edge.core.link_words import link_words, span_words
from edge.core.modem_care import (
    LONGEST_PAUSE_S,
    LinkHistory,
    ModemCare,
    after_cycle,
    after_link,
    cycle_at_s,
)
from edge.core.words import Language

CARE = ModemCare(cycle_after_s=900)
DOWN = LinkHistory(down_since_s=100.0)
HOUR = 3600.0


def test_with_a_link_nothing_is_cycled() -> None:
    assert cycle_at_s(after_link(DOWN, is_up=True, now_s=200), CARE) is None


def test_a_modem_is_left_alone_at_first_and_longer_each_time() -> None:
    history, pauses_s = DOWN, []
    before_s = 100.0
    for _ in range(9):
        at_s = cycle_at_s(history, CARE)
        assert at_s is not None
        pauses_s.append((at_s - before_s) / 60)
        history, before_s = after_cycle(history, at_s), at_s
    assert pauses_s == [15, 30, 60, 120, 240, 360, 360, 360, 360]


def test_a_modem_that_takes_fifty_minutes_is_not_disturbed_for_ever() -> None:
    """Of the longest kind known: some pause is longer than its registering."""
    assert LONGEST_PAUSE_S > 50 * 60


def test_a_link_that_came_back_starts_anew_and_the_last_cycle_is_still_known() -> None:
    history = after_link(after_cycle(DOWN, 1000), is_up=True, now_s=2000)
    assert (history.cycles, history.cycled_at_s) == (0, 1000)
    assert cycle_at_s(after_link(history, is_up=False, now_s=5000), CARE) == 5900


def test_that_it_is_still_away_changes_nothing() -> None:
    assert after_link(DOWN, is_up=False, now_s=999) == DOWN


def test_a_month_without_link_is_still_a_number() -> None:
    history = LinkHistory(down_since_s=0.0, cycled_at_s=10.0, cycles=10**6)
    assert cycle_at_s(history, CARE) == 10 + LONGEST_PAUSE_S


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3700, "1 h 1 min"),
        (90000, "1 d 1 h"),
        (30 * 86400, "30 d 0 h"),
    ],
)
def test_a_span_in_words(seconds: float, words: str) -> None:
    assert span_words(seconds, Language.EN) == words


@pytest.mark.parametrize(
    ("is_up", "down_s", "cycled_s", "cycles", "vi", "en"),
    [
        (True, None, None, 0, "đã kết nối", "up"),
        (False, None, None, 0, "mất kết nối", "down"),
        (False, 30.0, None, 0, "mất kết nối 30 giây", "down for 30 s"),
        (
            False,
            7500.0,
            2400.0,
            2,
            "mất kết nối 2 giờ 5 phút; đã ngắt điện modem 2 lần, lần cuối 40 phút trước",
            "down for 2 h 5 min; modem cycled 2 times, last 40 min ago",
        ),
        (
            True,
            None,
            60.0,
            0,
            "đã kết nối; đã ngắt điện modem 1 phút trước",
            "up; modem cycled 1 min ago",
        ),
    ],
)
def test_the_link_in_words(
    is_up: bool, down_s: float | None, cycled_s: float | None, cycles: int, vi: str, en: str
) -> None:
    for language, said in ((Language.VI, vi), (Language.EN, en)):
        words = link_words(
            is_up=is_up, down_s=down_s, cycled_s=cycled_s, cycles=cycles, language=language
        )
        assert words == said
