"""A cluster that nobody reaches goes on by the plan that it has."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from contract.journal import Reason
from contract.model import Weekly
from contract.ports import ClockTrust
from edge.core.decide import decide
from edge.core.state import Limits

LIMITS = Limits()
DAY_S = 86400.0
DAYS = (1, 29, 30, 31, 60, 365, 1461, 3653)


@pytest.mark.parametrize("trust", [one for one in ClockTrust if one.is_trusted])
@pytest.mark.parametrize("days", DAYS)
def test_a_weekly_slot_sounds_however_long_ago_the_plan_came(
    scene: Any, days: int, trust: ClockTrust
) -> None:
    weekly = Weekly(days=(1, 2, 3, 4, 5, 6, 7), times=("17:00",))
    slot = replace(scene.slot("tin", 0), when=weekly)
    plan = scene.plan((scene.bulletin("tin"), slot))
    at_s = days * DAY_S
    facts = {"watermark": scene.at(at_s - 3600), "trust": trust}
    (cue,) = decide(scene.snapshot(plan, at_s - 3, **facts), LIMITS).cues
    assert (cue.start_at, cue.reason) == (scene.at(at_s), Reason.PLANNED)


@pytest.mark.parametrize("days", DAYS)
def test_a_dated_slot_sounds_on_its_day(scene: Any, days: int) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", days * DAY_S)))
    decision = decide(scene.snapshot(plan, 0), LIMITS)
    assert (decision.cues, decision.closings) == ((), ())
    at_s = days * DAY_S
    facts = {"watermark": scene.at(at_s - 3600)}
    (cue,) = decide(scene.snapshot(plan, at_s - 3, **facts), LIMITS).cues
    assert cue.start_at == scene.at(at_s)


def test_a_cluster_wakes_for_a_dated_slot_of_a_month_ahead(scene: Any) -> None:
    """Each decision says when to look again; led by that alone, from now on."""
    at_s = 31 * DAY_S
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", at_s)))
    now, decision = scene.at(0), decide(scene.snapshot(plan, 0), LIMITS)
    while not decision.cues and decision.wake_at < scene.at(at_s + DAY_S):
        now = decision.wake_at
        seconds = (now - scene.at(0)).total_seconds()
        decision = decide(scene.snapshot(plan, seconds, watermark=decision.watermark), LIMITS)
    (cue,) = decision.cues
    assert cue.start_at == scene.at(at_s)
    assert scene.at(at_s - 10) <= now < scene.at(at_s)
