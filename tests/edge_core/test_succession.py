"""A new plan loses no item of the one before it, and owes nothing that it never owed."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from contract.journal import Reason
from contract.model import Desired
from contract.ports import ClockTrust
from edge.core.state import Limits
from edge.core.succession import Succession, succeed

LIMITS = Limits()


def told(found: Succession) -> list[tuple[str, Reason]]:
    return [(c.occurrence.bulletin.id, c.reason) for c in found.closings if c.occurrence]


def of(scene: Any, plan: Desired, now_s: float, new: Desired, **more: Any) -> Succession:
    return succeed(scene.snapshot(plan, now_s, **more), new, LIMITS)


def test_an_item_that_waited_for_its_sound_is_told_when_it_is_cancelled(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin", 3600), scene.slot("tin", 0)))
    found = of(scene, plan, 300, scene.plan(), held=frozenset())
    assert told(found) == [("tin", Reason.CANCELLED)]
    assert found.watermark == scene.at(300)
    kept = of(scene, plan, 300, plan, held=frozenset())
    assert told(kept) == []
    assert kept.watermark == scene.at(0)


def test_what_was_missed_before_keeps_its_own_reason(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    found = of(scene, plan, 9000, scene.plan(), booted_at=scene.at(8999))
    assert told(found) == [("tin", Reason.AGENT_DOWN)]


def test_with_an_untrusted_clock_the_past_reaches_to_when_the_hub_made_the_plan(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("past"), scene.slot("past", 0)),
        (scene.bulletin("ahead"), scene.slot("ahead", 7200)),
    )
    new = replace(scene.plan(), issued_at=scene.at(3600))
    found = of(scene, plan, -1e9, new, trust=ClockTrust.UNKNOWN)
    assert told(found) == [("past", Reason.CLOCK_UNTRUSTED)]
    assert found.watermark == scene.at(-7200)


def test_a_slot_that_comes_after_its_time_is_told_as_late_or_joined(scene: Any) -> None:
    made = {"owed_from": scene.at(-3000)}
    pairs = [
        (scene.bulletin("over"), scene.slot("over", -2000)),
        (scene.bulletin("late", 3600), scene.slot("late", -300)),
    ]
    new = scene.plan(*((b, replace(s, **made)) for b, s in pairs))
    old = replace(scene.plan(), issued_at=scene.at(-4000))
    found = of(scene, old, 0, new, watermark=scene.at(-1), booted_at=scene.at(-100))
    assert told(found) == [("over", Reason.PLAN_LATE)]
    assert found.watermark == scene.at(-300)


def test_a_cluster_that_is_added_to_an_old_slot_owes_nothing_of_before(scene: Any) -> None:
    new = scene.plan((scene.bulletin("tin"), scene.slot("tin", -600)))
    new = replace(new, issued_at=scene.at(-1))
    found = of(scene, replace(scene.plan(), issued_at=scene.at(-4000)), 0, new)
    assert told(found) == []
    assert found.watermark == scene.at(0)


def test_a_first_plan_owes_nothing_of_before(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    assert succeed(scene.snapshot(None, 600), plan, LIMITS).closings == ()
    assert succeed(scene.snapshot(plan, 600, watermark=None), plan, LIMITS).watermark is None
