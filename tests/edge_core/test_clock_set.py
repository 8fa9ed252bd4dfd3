"""What a clock that is set does to the decision."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from contract.journal import Outcome, Reason
from contract.model import QuietHours
from contract.ports import ClockTrust
from edge.core.decide import decide
from edge.core.rows import open_item, row_of_heard_out, shifted
from edge.core.state import Aired, Limits, OpenItem

LIMITS = Limits()


def on_air(scene: Any, plan: Any) -> tuple[Any, OpenItem]:
    cue = decide(scene.snapshot(plan, -3), LIMITS).cues[0]
    return cue, open_item(cue, scene.at(0), trust=ClockTrust.RTC, link_up=True, plan_version=1)


def test_a_row_tells_how_far_the_clock_was_set_on_air(scene: Any) -> None:
    _, item = on_air(scene, scene.plan((scene.bulletin("tin"), scene.slot("tin", 0))))
    moved = shifted(shifted(item, timedelta(seconds=-3600)), timedelta(seconds=3599))
    row = row_of_heard_out(moved, moved.ends_at)
    assert row.clock_step_s == -1
    assert row.started_at == scene.at(-1)
    assert row.outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    ("trust", "set_at_s", "settled_s"),
    [(ClockTrust.SYNCHRONISED, 3600, 3630), (ClockTrust.RTC, 3600, 4200)],
)
def test_what_a_step_jumped_over_is_not_called_missed_at_once(
    scene: Any, trust: ClockTrust, set_at_s: float, settled_s: float
) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    facts = {
        "trust": trust,
        "clock_set_at": scene.at(set_at_s),
        "trusted_since": scene.at(set_at_s),
    }
    jumped = decide(scene.snapshot(plan, set_at_s, **facts), LIMITS)
    assert jumped.closings == ()
    assert jumped.watermark is not None
    assert jumped.watermark <= scene.at(0)
    assert jumped.wake_at == scene.at(settled_s)
    settled = decide(scene.snapshot(plan, settled_s, **facts), LIMITS)
    assert [c.reason for c in settled.closings] == [Reason.CLOCK_UNTRUSTED]


def test_a_cabinet_that_starts_by_its_own_clock_gives_the_network_time_to_correct_it(
    scene: Any,
) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    facts = {"trust": ClockTrust.RTC, "booted_at": scene.at(25200)}
    assert decide(scene.snapshot(plan, 25201, **facts), LIMITS).closings == ()
    missed = decide(scene.snapshot(plan, 25321, **facts), LIMITS)
    assert [c.reason for c in missed.closings] == [Reason.AGENT_DOWN]


def test_a_clock_that_was_set_back_past_the_watermark_plays_what_is_due(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    decision = decide(scene.snapshot(plan, -3, watermark=scene.at(86400)), LIMITS)
    assert len(decision.cues) == 1
    assert decision.watermark == scene.at(-3)


def test_what_sounded_by_a_clock_that_was_ahead_keeps_nobody_waiting(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    ahead = Aired(begun_at=scene.at(-60), ended_at=scene.at(3600))
    closed = {("another", scene.at(-60)): ahead}
    cue = decide(scene.snapshot(plan, -3, closed=closed), LIMITS).cues[0]
    assert cue.begun_at == scene.at(0)


def test_an_item_on_air_whose_clock_was_set_back_while_the_agent_was_down_is_closed(
    scene: Any,
) -> None:
    plan = scene.plan((scene.bulletin("tin", 1800), scene.slot("tin", 0)))
    _, item = on_air(scene, plan)
    item = replace(item, heard_until=scene.at(600))
    decision = decide(scene.snapshot(plan, -3000, open=item), LIMITS)
    assert decision.close_open is not None
    assert decision.close_open.reason is Reason.AGENT_DOWN
    assert decision.close_open.ended_at == scene.at(600)
    assert decision.cues == ()


def test_quiet_hours_that_come_over_the_item_on_air_end_it(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin", 600), scene.slot("tin", 0)))
    cue, item = on_air(scene, plan)
    facts = {"cued": (cue,), "open": item, "amplifier_on_at": scene.at(-3)}
    quiet = replace(plan, quiet_hours=(QuietHours(start="17:05", end="18:00"),))
    before = decide(scene.snapshot(quiet, 200, **facts), LIMITS)
    assert (before.close_open, before.wake_at) == (None, scene.at(300))
    begun = decide(scene.snapshot(quiet, 300, **facts), LIMITS)
    assert begun.close_open is not None
    assert begun.close_open.reason is Reason.QUIET_HOURS
    last_words = decide(scene.snapshot(quiet, 596, **facts), LIMITS)
    assert last_words.close_open is None
    allowed = replace(quiet, slots=(replace(plan.slots[0], in_quiet_hours=True),))
    assert decide(scene.snapshot(allowed, 300, **facts), LIMITS).close_open is None


def test_a_first_start_without_a_trusted_clock_owes_nothing_of_the_time_before(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    untrusted = scene.snapshot(plan, -1e9, trust=ClockTrust.UNKNOWN, watermark=None)
    assert decide(untrusted, LIMITS).watermark is None
    assert decide(scene.snapshot(None, 0, watermark=None), LIMITS).watermark is None
    later = decide(scene.snapshot(plan, 86400, watermark=None), LIMITS)
    assert later.closings == ()


def test_a_month_without_power_is_told_item_by_item(scene: Any) -> None:
    pairs = [
        (scene.bulletin(f"b{n}"), scene.slot(f"b{n}", -n * 2160 - 3600, late_limit_s=60))
        for n in range(1200)  # forty a day
    ]
    plan = scene.plan(*pairs)
    plan = replace(
        plan, slots=tuple(replace(s, owed_from=scene.at(-40 * 86400)) for s in plan.slots)
    )
    facts = {"watermark": scene.at(-31 * 86400), "booted_at": scene.at(-1)}
    closings = decide(scene.snapshot(plan, 0, **facts), LIMITS).closings
    assert len(closings) == 1200
    assert {c.reason for c in closings} == {Reason.AGENT_DOWN}


def test_what_the_player_is_about_to_start_within_the_late_limit_is_let_start(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin", 3600), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, 599.5), LIMITS).cues[0]
    assert cue.start_at > scene.at(600)
    decision = decide(scene.snapshot(plan, 600.5, cued=(cue,)), LIMITS)
    assert decision.cues == (cue,)
    assert decision.closings == ()


def test_an_item_that_the_guards_rest_outlasts_says_so(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin", 3600), scene.slot("tin", 0)))
    tripped = scene.at(590)
    decision = decide(scene.snapshot(plan, 601, guard_tripped_at=tripped), LIMITS)
    assert [c.reason for c in decision.closings] == [Reason.AMPLIFIER_SILENT]


def test_however_far_the_clock_was_set_back_nothing_is_owed_of_before_the_first_plan(
    scene: Any,
) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    facts = {"watermark": scene.at(-1e9), "owed_since": scene.at(100)}
    assert decide(scene.snapshot(plan, 9000, **facts), LIMITS).closings == ()
