from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from contract.journal import Outcome, Reason
from contract.ports import ClockTrust
from edge.core.decide import decide
from edge.core.rows import open_item
from edge.core.state import Limits

LIMITS = Limits()


def test_somebody_at_the_cabinet_silences_what_is_on_air(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, -3), LIMITS).cues[0]
    item = open_item(cue, scene.at(0), trust=ClockTrust.RTC, link_up=True, plan_version=1)
    decision = decide(
        scene.snapshot(
            replace(plan, maintenance=True),
            5,
            cued=(cue,),
            open=item,
            amplifier_on_at=scene.at(-2),
        ),
        LIMITS,
    )
    assert (decision.cues, decision.amplifier_on) == ((), False)
    assert decision.close_open is not None
    assert decision.close_open.outcome is Outcome.PARTIAL
    assert decision.close_open.reason is Reason.MAINTENANCE
    assert decision.close_open.ended_at == scene.at(5)


def test_in_maintenance_nothing_begins_and_the_row_says_why(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin", 3600), scene.slot("tin", 0)), maintenance=True)
    due = decide(scene.snapshot(plan, 0.5), LIMITS)
    assert (due.cues, due.amplifier_on, due.closings) == ((), False, ())
    assert due.wake_at <= scene.at(600.1)
    missed = decide(scene.snapshot(plan, 600.1), LIMITS)
    assert [(c.outcome, c.reason) for c in missed.closings] == [
        (Outcome.NOT_AIRED, Reason.MAINTENANCE)
    ]


def test_after_maintenance_an_item_within_its_late_limit_joins(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin", 3600), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, 300, plan_accepted_at=scene.at(300)), LIMITS).cues[0]
    assert cue.begun_at == scene.at(0)
    assert cue.reason is Reason.JOINED_LATE


def test_who_would_have_waited_too_long_is_missed_for_the_maintenance(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("long", 3600), scene.slot("long", 0)),
        (scene.bulletin("short"), scene.slot("short", 10)),
        maintenance=True,
    )
    decision = decide(scene.snapshot(plan, 11), LIMITS)
    assert [c.reason for c in decision.closings] == [Reason.MAINTENANCE]
