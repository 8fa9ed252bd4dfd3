"""A cluster that nobody visits: whatever befalls it, it keeps the rules, and every item has its one row.

Loop, ledger, plan store, sound cache and signatures are the real ones; time jumps, and player, relay and weather are
doubles. `make sixty-days` lives through sixty days at a time and prints the figures.
"""

from __future__ import annotations

import os
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.ports import ClockTrust
from edge.core.state import Snapshot
from tests.sixty_days.conftest import Live
from tests.sixty_days.judge import Figures
from tests.sixty_days.story import DAY_S, Happening, Story, What, tell
from tests.sixty_days.world import TellingRunner

LIVES = int(os.environ.get("LOAXA_LIVES", "0"))
SEED = int(os.environ.get("LOAXA_SEED", "1"))
"""How many lives of sixty days `make sixty-days` asks for, and the seed of the first."""
HAPPENINGS = 480
"""Eight a day."""


@settings(
    max_examples=12,
    derandomize=True,  # the same lives each time: `make sixty-days` is for new ones
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_whatever_befalls_it_for_two_days_every_rule_holds(live: Live, data: st.DataObject) -> None:
    def choose(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    story = tell(choose, days=2, happenings=choose(1, 16))
    assert live(story).violations == ()


def test_two_weeks_of_a_seed_keep_every_rule(live: Live) -> None:
    figures = live(tell(Random(20261124).randint, days=14, happenings=110))
    assert figures.violations == ()
    assert figures.aired > 60
    assert figures.well > 30


def test_days_without_trouble_are_aired_to_the_millisecond(live: Live) -> None:
    figures = live(Story(days=7, happenings=()))
    assert figures.violations == ()
    assert figures.aired > 100
    assert figures.well > 60


def test_a_month_without_power_is_told_item_by_item(live: Live) -> None:
    month = Happening(at_s=DAY_S, what=What.POWER_CUT_NO_RTC, for_s=30 * DAY_S, number=1)
    figures = live(Story(days=34, happenings=(month,)))
    assert figures.violations == ()
    assert figures.explained > 500


class ForgetfulRunner(TellingRunner):
    """Forgets over a restart what has its row."""

    def _recall_closed(self) -> None:
        pass


class DeafRunner(TellingRunner):
    """Does not hear that the clock is not trusted."""

    def look(self) -> Snapshot:
        return replace(super().look(), trust=ClockTrust.SYNCHRONISED)


@pytest.mark.parametrize(
    ("faulty", "what"), [(ForgetfulRunner, What.KILL), (DeafRunner, What.UNTRUSTED)]
)
def test_the_judge_finds_a_faulty_loop_out(
    live: Live, faulty: type[TellingRunner], what: What
) -> None:
    often = tuple(
        Happening(at_s=hour * 3600 + 300, what=what, for_s=1800, number=0) for hour in range(24)
    )
    assert live(Story(days=1, happenings=often), faulty).violations


@pytest.mark.skipif(not LIVES, reason="a long run: make sixty-days")
@pytest.mark.timeout(0)
def test_sixty_days(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    lives = [
        live(tell(Random(seed).randint, days=60, happenings=HAPPENINGS))
        for seed in range(SEED, SEED + LIVES)
    ]
    with capsys.disabled():
        _tell(lives)
    assert [one.violations for one in lives if one.violations] == []


def _tell(lives: list[Figures]) -> None:
    def total(field: str) -> int:
        return sum(int(getattr(one, field)) for one in lives)

    print(  # noqa: T201 - the figures are what the run is for
        f"\n{len(lives)} lives, {total('days')} days, {len(lives) * HAPPENINGS} happenings, {total('turns')} turns"
        f"\n{total('due')} items due, each with its one row"
        f"\n{total('aired') + total('explained')} rows, with those of what only a wrong clock, a late plan or the hours"
        f"\nafter the last day made due: {total('aired')} aired, {total('explained')} explained"
        f"\n{total('well')} items with nothing in their way, each aired whole and to the millisecond"
        f"\n{sum(len(one.violations) for one in lives)} violations"
    )
