"""What is expected, against recordings, rows and changes that are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.journal import EventKind, Outcome, Reason
from hardware.simulated.wire import RATE
from provisioning.bench.evidence import Evidence, FleetChange, Horn, Source
from provisioning.bench.judge import Verdict, judge
from provisioning.bench.scenario import (
    AlarmExpectation,
    Expectation,
    HeardExpectation,
    JournalExpectation,
    JournalMatch,
    NotHeardExpectation,
    Scenario,
    SilentExpectation,
)

Samples = NDArray[np.int16]
Make = Callable[..., Samples]
FIRST_S = -3.0
"""Recording begins before `at_s` = 0, as it does in a run."""
SCENARIO = Scenario(path=Path("x.toml"), name="x", clusters=2, duration_s=20)


@pytest.fixture(scope="module")
def programme(speech: Make) -> Samples:
    return speech(1, 6.0)


@pytest.fixture(scope="module")
def evidence(programme: Samples, speech: Make, lay: Make) -> Callable[..., Evidence]:
    """What bl-01 leaves behind when parts sounded at instants; bl-02 was silent."""
    silence = speech(1, 17.0, 0.0)
    sources = {"tin-chieu": Source("b-1", programme), "tin-sang": Source("b-2", speech(2, 4.0))}

    def left(*parts: tuple[float, Samples], **more: Any) -> Evidence:
        laid = lay(17, *((at_s - FIRST_S, part) for at_s, part in parts))
        horns = {"bl-01": Horn(laid, FIRST_S), "bl-02": Horn(silence, FIRST_S)}
        return Evidence(horns=horns, sources=sources, **more)

    return left


Left = Callable[..., Evidence]


def verdict(expected: Expectation, evidence: Evidence) -> Verdict:
    made = judge(expected, SCENARIO, evidence)
    assert [one.cluster for one in made] == [expected.cluster]
    return made[0]


def heard(**more: Any) -> HeardExpectation:
    return HeardExpectation(heard="tin-chieu", cluster="bl-01", **more)


def cut(samples: Samples, from_s: float, to_s: float) -> Samples:
    return samples[round(from_s * RATE) : round(to_s * RATE)]


# Heard


def test_heard_on_time(evidence: Left, programme: Samples) -> None:
    made = verdict(heard(starts_at_s=5, within_ms=1), evidence((5.0, programme)))
    assert made.ok
    assert made.figures["starts_at_s"] == pytest.approx(5.0, abs=1e-3)
    assert made.figures["error_ms"] == pytest.approx(0, abs=1)
    assert made.figures["fraction"] == 1.0
    assert made.why.startswith("starts at 5.000 s (")
    assert made.why.endswith("0.0 ms), 100% heard")


@pytest.mark.parametrize(("late_s", "ok"), [(0.199, True), (0.201, False), (-0.201, False)])
def test_heard_off_by_more_than_allowed(
    evidence: Left, programme: Samples, late_s: float, ok: bool
) -> None:
    made = verdict(heard(starts_at_s=5), evidence((5.0 + late_s, programme)))
    assert made.ok is ok
    assert made.figures["error_ms"] == pytest.approx(late_s * 1000, abs=1)
    assert ("more than 200 ms off" in made.why) is not ok


def test_another_programme_is_not_heard_as_this_one(evidence: Left, speech: Make) -> None:
    made = verdict(heard(starts_at_s=5), evidence((5.0, speech(2, 4.0))))
    assert not made.ok
    assert made.why == "tin-chieu was not heard"


def test_silence_is_not_heard_as_a_programme(evidence: Left, programme: Samples) -> None:
    expected = HeardExpectation(heard="tin-chieu", cluster="all", starts_at_s=5)
    made = judge(expected, SCENARIO, evidence((5.0, programme)))
    assert [(one.cluster, one.ok) for one in made] == [("bl-01", True), ("bl-02", False)]


def test_a_part_is_not_the_whole(evidence: Left, programme: Samples) -> None:
    left = evidence((5.0, cut(programme, 0, 3)))
    made = verdict(heard(starts_at_s=5), left)
    assert not made.ok
    assert "less than 95% of it" in made.why
    assert verdict(heard(starts_at_s=5, fraction_min=0.4), left).ok
    assert verdict(heard(starts_at_s=5, fraction_min=0.4, fraction_max=0.6), left).ok


def test_more_than_wanted(evidence: Left, programme: Samples) -> None:
    made = verdict(heard(fraction_max=0.6), evidence((5.0, programme)))
    assert not made.ok
    assert "more than 60% of it" in made.why


def test_of_two_playings_the_one_at_the_wanted_start_is_judged(
    evidence: Left, programme: Samples
) -> None:
    left = evidence((-2.0, programme), (7.0, cut(programme, 0, 2)))
    assert verdict(heard(starts_at_s=-2), left).ok
    assert not verdict(heard(starts_at_s=7), left).ok
    assert verdict(heard(), left).figures["starts_at_s"] == pytest.approx(-2, abs=1e-3)


def test_joined_late_in_step_with_the_plan(evidence: Left, programme: Samples) -> None:
    left = evidence((7.0, cut(programme, 2, 6)))
    expected = heard(starts_at_s=5, fraction_min=0.6, in_step_ms=20)
    assert verdict(expected, left).ok
    assert not verdict(heard(starts_at_s=7, fraction_min=0.6), left).ok


@pytest.mark.parametrize(("off_s", "ok"), [(0.0, True), (0.015, True), (0.05, False)])
def test_resumed_out_of_step(evidence: Left, programme: Samples, off_s: float, ok: bool) -> None:
    left = evidence((2.0, cut(programme, 0, 2)), (5.5 + off_s, cut(programme, 3.5, 6)))
    made = verdict(heard(starts_at_s=2, fraction_min=0.6, in_step_ms=20), left)
    assert made.ok is ok
    assert made.figures["worst_step_ms"] == pytest.approx(off_s * 1000, abs=1)
    assert ("out of step by +50.0 ms" in made.why) is not ok


@pytest.mark.parametrize(("by_s", "ok"), [(6.0, True), (5.6, True), (4.5, False)])
def test_resumed_by(evidence: Left, programme: Samples, by_s: float, ok: bool) -> None:
    left = evidence((2.0, cut(programme, 0, 2)), (5.5, cut(programme, 3.5, 6)))
    made = verdict(heard(fraction_min=0.6, resumed_by_s=by_s), left)
    assert made.ok is ok
    assert made.figures["gap_s"] == pytest.approx(1.5, abs=0.2)
    assert made.figures["resumed_at_s"] == pytest.approx(5.5, abs=0.15)


def test_what_never_paused_did_not_resume(evidence: Left, programme: Samples) -> None:
    made = verdict(heard(resumed_by_s=10), evidence((2.0, programme)))
    assert not made.ok
    assert "it never paused" in made.why


@pytest.mark.parametrize(("by_s", "ok"), [(4.0, True), (3.5, False)])
def test_ends_by(evidence: Left, programme: Samples, by_s: float, ok: bool) -> None:
    left = evidence((2.0, cut(programme, 0, 2)))
    made = verdict(heard(fraction_min=0, ends_by_s=by_s), left)
    assert made.ok is ok
    assert ("heard until" in made.why) is not ok


# Not heard, and silence


@pytest.mark.parametrize(
    ("window", "ok"),
    [({}, False), ({"from_s": 9}, True), ({"to_s": 1.5}, True), ({"from_s": 7, "to_s": 9}, False)],
)
def test_not_heard_in_a_window(
    evidence: Left, programme: Samples, window: dict[str, float], ok: bool
) -> None:
    expected = NotHeardExpectation(not_heard="tin-chieu", cluster="bl-01", **window)
    assert verdict(expected, evidence((2.0, programme))).ok is ok


def test_a_short_part_counts_as_heard(evidence: Left, programme: Samples) -> None:
    expected = NotHeardExpectation(not_heard="tin-chieu", cluster="bl-01")
    made = verdict(expected, evidence((2.0, cut(programme, 1, 2.2))))
    assert not made.ok
    assert "heard from" in made.why


def test_another_programme_leaves_it_not_heard(evidence: Left, speech: Make) -> None:
    expected = NotHeardExpectation(not_heard="tin-chieu", cluster="bl-01")
    assert verdict(expected, evidence((2.0, speech(2, 4.0)))).ok


def silent(from_s: float, to_s: float) -> SilentExpectation:
    return SilentExpectation(silent_from_s=from_s, silent_to_s=to_s, cluster="bl-01")


def test_digital_silence(evidence: Left) -> None:
    made = verdict(silent(0, 10), evidence())
    assert made.ok
    assert made.figures == {"loudest_dbfs": None}


@pytest.mark.parametrize(
    ("from_s", "to_s", "ok"), [(0, 4.9, True), (0, 5.2, False), (10, 12, False), (11.1, 14, True)]
)
def test_a_window_is_silent(
    evidence: Left, programme: Samples, from_s: float, to_s: float, ok: bool
) -> None:
    made = verdict(silent(from_s, to_s), evidence((5.0, programme)))
    assert made.ok is ok


def test_a_click_breaks_silence(evidence: Left) -> None:
    click = np.full(48, 6000, np.int16)
    made = verdict(silent(0, 10), evidence((4.0, click)))
    assert not made.ok
    assert "dBFS" in made.why


def test_faint_hiss_below_minus_60_db_is_silence(evidence: Left) -> None:
    rng = np.random.default_rng(1)
    faint = (rng.standard_normal(14 * RATE) * 10).astype(np.int16)
    assert verdict(silent(0, 10), evidence((0.0, faint))).ok


@pytest.mark.parametrize(("from_s", "to_s"), [(5, 14.1), (20, 25)])
def test_what_was_not_recorded_is_not_silent(evidence: Left, from_s: float, to_s: float) -> None:
    made = verdict(silent(from_s, to_s), evidence())
    assert not made.ok
    assert made.why == "recorded only from -3.0 to 14.0 s"


# Journal and alarms

ITEM = {
    "row": "item", "bulletin": "b-1", "slot": "s-1", "outcome": "completed", "reason": "planned",
    "link_up": True,
}  # fmt: skip
SURGE = {"row": "event", "event": "surge", "count": 3, "detail": "3 pulses in 1 s"}
ROWS = [
    {"cluster": "bl-01", "row": ITEM},
    {"cluster": "bl-01", "row": ITEM | {"outcome": "partial", "reason": "joined_late"}},
    {"cluster": "bl-01", "row": SURGE},
    {"cluster": "bl-02", "row": ITEM | {"outcome": "not_aired", "reason": "no_file"}},
]


@pytest.mark.parametrize(
    ("match", "matching"),
    [
        (JournalMatch(bulletin="tin-chieu"), 2),
        (JournalMatch(bulletin="tin-sang"), 0),
        (JournalMatch(slot="chieu"), 2),
        (JournalMatch(slot="not-pushed"), 0),
        (JournalMatch(outcome=Outcome.COMPLETED, reason=Reason.PLANNED), 1),
        (JournalMatch(outcome=Outcome.COMPLETED, reason=Reason.JOINED_LATE), 0),
        (JournalMatch(outcome=Outcome.NOT_AIRED), 0),
        (JournalMatch(link_up=True), 2),
        (JournalMatch(link_up=False), 0),
        (JournalMatch(row="event", event=EventKind.SURGE, count=3), 1),
        (JournalMatch(count=2), 0),
        (JournalMatch(detail="3 pulses"), 1),
        (JournalMatch(detail="4 pulses"), 0),
    ],
)
def test_rows_of_the_cluster_that_match(evidence: Left, match: JournalMatch, matching: int) -> None:
    left = evidence(journal=ROWS, slots={"chieu": "s-1"})
    made = verdict(JournalExpectation(journal=match, cluster="bl-01"), left)
    assert made.figures["matching"] == matching
    assert made.ok is (matching > 0)


@pytest.mark.parametrize(("times", "ok"), [(0, False), (1, False), (2, True), (3, False)])
def test_so_many_rows(evidence: Left, times: int, ok: bool) -> None:
    match = JournalMatch(bulletin="tin-chieu")
    expected = JournalExpectation(journal=match, cluster="bl-01", times=times)
    assert verdict(expected, evidence(journal=ROWS)).ok is ok


def test_no_row_at_all_may_be_expected(evidence: Left) -> None:
    match = JournalMatch(bulletin="tin-sang")
    expected = JournalExpectation(journal=match, cluster="bl-01", times=0)
    assert verdict(expected, evidence(journal=ROWS)).ok


def test_the_rows_there_are_are_told_when_none_matches(evidence: Left) -> None:
    match = JournalMatch(reason=Reason.NO_FILE)
    made = verdict(JournalExpectation(journal=match, cluster="bl-01"), evidence(journal=ROWS))
    assert "completed/planned" in made.why
    assert "surge" in made.why


@pytest.mark.parametrize(
    ("from_s", "by_s", "ok"), [(0, 10, True), (0, 7, False), (8.5, 30, True), (21, 30, False)]
)
def test_alarm_shown_in_time(evidence: Left, from_s: float, by_s: float, ok: bool) -> None:
    changes = [
        FleetChange(at_s=8.0, cluster="bl-01", what="cluster_lost"),
        FleetChange(at_s=20.0, cluster="bl-01", what="cluster_lost"),
    ]
    expected = AlarmExpectation(alarm="cluster_lost", cluster="bl-01", from_s=from_s, by_s=by_s)
    assert verdict(expected, evidence(changes=changes)).ok is ok


def test_an_alarm_of_another_cluster_or_kind_does_not_count(evidence: Left) -> None:
    changes = [
        FleetChange(at_s=8.0, cluster="bl-02", what="cluster_lost"),
        FleetChange(at_s=8.0, cluster="bl-01", what="sound_missing"),
    ]
    expected = AlarmExpectation(alarm="cluster_lost", cluster="bl-01", by_s=10)
    made = verdict(expected, evidence(changes=changes))
    assert not made.ok
    assert made.why == "the hub never showed cluster_lost"
