"""An emergency goes over everything, whole, in turn, and leaves the programme where it would have been."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from contract.command import Audience, Command, Mode, StartEmergency
from contract.ids import CommuneId
from contract.journal import Outcome, Reason
from contract.model import Priority, QuietHours
from contract.ports import ClockTrust
from edge.core.decide import decide
from edge.core.emergency import (
    Emergency,
    Step,
    Turn,
    after_step,
    expired,
    first_of,
    shifted,
    taken,
    turn_of,
)
from edge.core.rows import open_item
from edge.core.state import Cue, Limits, OpenItem

LIMITS = Limits()
WARM_S = LIMITS.warm_up_s + LIMITS.warm_up_margin_s


def emergency(scene: Any, name: str = "lu", **more: Any) -> Emergency:
    facts: dict[str, Any] = {
        "id": f"e-{name}",
        "bulletin": scene.bulletin(name, 10, Priority.EMERGENCY),
        "repeats": 2,
        "gap_s": 5,
        "volume_pct": 100,
        "mode": Mode.LIVE,
        "taken_at": scene.at(0),
        "until": scene.at(1800),
    }
    return Emergency(**(facts | more))


def held(scene: Any, *names: str) -> frozenset[Any]:
    return frozenset(scene.bulletin(name).sha256 for name in names)


def alarmed(scene: Any, now_s: float, *queue: Emergency, plan: Any = None, **more: Any) -> Any:
    facts = {"held": held(scene, "lu", "bao", "tone", "drill", "tin")} | more
    return scene.snapshot(
        plan, now_s, emergencies=queue, attention=scene.bulletin("tone", 8), **facts
    )


def playing(cue: Cue, at: Any) -> OpenItem:
    return open_item(cue, at, trust=ClockTrust.RTC, link_up=True, plan_version=1)


def test_it_begins_with_the_tone_as_soon_as_the_amplifier_is_warm(scene: Any) -> None:
    cold = decide(alarmed(scene, 0, emergency(scene)), LIMITS)
    assert cold.amplifier_on
    (cue,) = cold.cues
    assert (cue.occurrence.bulletin.id, cue.start_at) == ("tone", scene.at(WARM_S))
    assert (cue.volume_pct, cue.offset_ms) == (100, 0)
    warm = decide(alarmed(scene, 0, emergency(scene), amplifier_on_at=scene.at(-60)), LIMITS)
    assert warm.cues[0].start_at == scene.at(0)


@pytest.mark.parametrize(
    "more",
    [
        {"trust": ClockTrust.UNKNOWN},
        {"trust": ClockTrust.LAST_SAVED},
        {"guard_tripped_at": -1},
    ],
)
def test_nothing_keeps_it_silent(scene: Any, more: dict[str, Any]) -> None:
    facts = {k: scene.at(v) if isinstance(v, int) else v for k, v in more.items()}
    plan = scene.plan(quiet_hours=(QuietHours(start="00:00", end="23:59"),), maintenance=True)
    decision = decide(alarmed(scene, 0, emergency(scene), plan=plan, **facts), LIMITS)
    assert decision.amplifier_on
    assert len(decision.cues) == 1


def test_a_drill_says_so_before_each_speech(scene: Any) -> None:
    one = emergency(scene, mode=Mode.DRILL, preface=scene.bulletin("drill", 4))
    turn, heard, at = turn_of(one, None, scene.at(0)), [], scene.at(0)
    while not one.is_spoken_out:
        (cue,) = decide(alarmed(scene, 0, one, turn=turn), LIMITS).cues or (None,)
        heard.append(cue.occurrence.bulletin.id if cue else "pause")
        at += timedelta(seconds=1)
        one, turn = after_step(one, turn, held(scene, "lu", "drill"), at)
        turn = replace(turn, not_before=scene.at(0))
    assert heard == ["tone", "drill", "lu", "drill", "lu"]


def test_all_that_is_spoken_is_waited_for_under_the_tone(scene: Any) -> None:
    drill = emergency(scene, preface=scene.bulletin("drill", 4))
    assert after_step(drill, turn_of(drill, None, scene.at(0)), held(scene, "lu"), scene.at(8))[
        1
    ].not_before == scene.at(10)
    one = emergency(scene)
    turn = turn_of(one, None, scene.at(0))
    _, again = after_step(one, turn, frozenset(), scene.at(8))
    assert (again.step, again.not_before) == (Step.TONE, scene.at(10))
    _, speech = after_step(one, again, held(scene, "lu"), scene.at(18))
    assert (speech.step, speech.not_before) == (Step.SPEECH, scene.at(18))


def test_a_bulletin_that_is_gone_again_is_waited_for_under_the_tone(scene: Any) -> None:
    one = emergency(scene, has_begun=True)
    turn = Turn(emergency=one.id, step=Step.SPEECH, not_before=scene.at(8))
    decision = decide(alarmed(scene, 9, one, turn=turn, held=held(scene, "tone")), LIMITS)
    assert [cue.occurrence.bulletin.id for cue in decision.cues] == ["tone"]
    assert decision.turn is not None
    assert decision.turn.step is Step.TONE


def test_the_gap_between_two_speeches_is_slept_over_with_the_amplifier_on(scene: Any) -> None:
    one = emergency(scene, gap_s=60, has_begun=True)
    one, turn = after_step(
        one,
        Turn(emergency=one.id, step=Step.SPEECH, not_before=scene.at(8)),
        held(scene, "lu"),
        scene.at(18),
    )
    decision = decide(alarmed(scene, 18, one, turn=turn), LIMITS)
    assert (decision.cues, decision.amplifier_on) == ((), True)
    assert decision.wake_at == scene.at(78 - LIMITS.prepare_s)


def test_what_sounds_goes_on_until_the_tone_takes_its_place(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, 0, amplifier_on_at=scene.at(-5)), LIMITS).cues[0]
    facts: dict[str, Any] = {
        "plan": plan,
        "open": playing(cue, scene.at(0)),
        "cued": (cue,),
        "amplifier_on_at": scene.at(-5),
    }
    coming = decide(alarmed(scene, 10, emergency(scene), **facts), LIMITS)
    assert [one.occurrence.bulletin.id for one in coming.cues] == ["tin", "tone"]
    begun = emergency(scene, has_begun=True)
    facts["cued"] = coming.cues
    there = decide(alarmed(scene, 10.1, begun, turn=coming.turn, **facts), LIMITS)
    assert [one.occurrence.bulletin.id for one in there.cues] == ["tone"]
    assert there.close_open is None


def test_what_was_interrupted_is_rejoined_where_it_would_be(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, 0), LIMITS).cues[0]
    item = replace(playing(cue, scene.at(0)), heard_until=scene.at(10))
    facts = {"open": item, "amplifier_on_at": scene.at(-5), "overridden_until": scene.at(40)}
    decision = decide(scene.snapshot(plan, 40, **facts), LIMITS)
    (again,) = decision.cues
    assert again.begun_at == scene.at(0)
    assert again.start_at == scene.at(40) + timedelta(seconds=LIMITS.join_s)
    assert again.offset_ms == 40_000 + LIMITS.join_s * 1000


@pytest.mark.parametrize("is_on", [True, False])
def test_what_ended_meanwhile_was_interrupted(scene: Any, is_on: bool) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, 0), LIMITS).cues[0]
    item = replace(playing(cue, scene.at(0)), heard_until=scene.at(10))
    queue = (emergency(scene, has_begun=True),) if is_on else ()
    facts = {"plan": plan, "open": item, "overridden_until": scene.at(60)}
    decision = decide(alarmed(scene, 61, *queue, **facts), LIMITS)
    assert decision.close_open is not None
    assert decision.close_open.outcome is Outcome.PARTIAL
    assert decision.close_open.reason is Reason.INTERRUPTED
    assert decision.close_open.ended_at == scene.at(10)


def test_what_was_due_meanwhile_says_why_it_never_sounded(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin", 20), scene.slot("tin", 0)))
    begun = emergency(scene, has_begun=True)
    facts = {"plan": plan, "booted_at": scene.at(-9000)}
    decision = decide(alarmed(scene, 21, begun, **facts), LIMITS)
    assert [(c.outcome, c.reason) for c in decision.closings] == [
        (Outcome.NOT_AIRED, Reason.INTERRUPTED)
    ]


def test_a_second_emergency_waits_and_none_is_refused(scene: Any) -> None:
    first, second = emergency(scene), emergency(scene, "bao", taken_at=scene.at(1))
    assert first_of((first, second), scene.at(2)) is first
    decision = decide(alarmed(scene, 2, first, second), LIMITS)
    assert decision.turn is not None
    assert decision.turn.emergency == first.id


def test_an_old_one_is_not_begun_but_one_that_has_begun_goes_on(scene: Any) -> None:
    late = scene.at(1801)
    begun, waiting = emergency(scene, has_begun=True), emergency(scene, "bao")
    assert first_of((waiting, begun), late) is begun
    assert expired((waiting, begun), late) == (waiting,)
    assert decide(alarmed(scene, 1801, waiting), LIMITS).expired == (waiting,)


def test_one_whose_sound_never_comes_does_not_sound_its_tone_for_ever(scene: Any) -> None:
    begun = emergency(scene, has_begun=True)
    over_s = (begun.ends_by - scene.at(0)).total_seconds() + 1
    assert 1800 + 2 * 15 < over_s < 1800 + 300
    decision = decide(alarmed(scene, over_s, begun), LIMITS)
    assert (decision.expired, decision.cues, decision.amplifier_on) == ((begun,), (), False)


def test_its_life_is_told_by_the_hubs_clock(scene: Any) -> None:
    order = StartEmergency(bulletin=scene.bulletin("lu", 10))
    command = Command(
        commune=CommuneId("binh-lu"),
        id="e-1",
        seq=1,
        audience=Audience(everyone=True),
        issued_at=scene.at(0),
        expires_at=scene.at(600),
        order=order,
    )
    wrong = scene.at(-86400 * 365)
    made = taken(order, command, wrong, scene.at(100))
    assert made.until - wrong == timedelta(seconds=500)
    (moved,) = shifted((made,), timedelta(days=365))
    assert moved.until == scene.at(500)
