from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.ids import Sha256
from contract.journal import ItemRow, Outcome, Reason
from contract.model import Priority, QuietHours, Stop
from contract.ports import ClockTrust
from edge.core.decide import decide
from edge.core.reconcile import DropCue, PlayCue, TurnAmplifierOff, TurnAmplifierOn, reconcile
from edge.core.rows import (
    closed_items,
    open_item,
    resumed,
    row_of_closing,
    row_of_heard_out,
    row_of_open,
    row_of_unheard,
)
from edge.core.state import Aired, Cue, Limits, OccurrenceKey, OpenItem, Snapshot

LIMITS = Limits()


def on_air(cue: Cue, at: datetime) -> OpenItem:
    return open_item(cue, at, trust=ClockTrust.RTC, link_up=True, plan_version=1)


def test_nothing_planned_means_nothing_on_air(scene: Any) -> None:
    decision = decide(scene.snapshot(scene.plan(), 0), LIMITS)
    assert decision.cues == ()
    assert not decision.amplifier_on


def test_no_plan_at_all_is_quiet(scene: Any) -> None:
    assert decide(scene.snapshot(None, 0), LIMITS).cues == ()


def test_amplifier_warms_up_ahead_of_the_start(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    early = decide(scene.snapshot(plan, -3), LIMITS)
    warm = decide(scene.snapshot(plan, -2.2), LIMITS)
    assert not early.amplifier_on
    assert early.cues[0].start_at == scene.at(0)
    assert early.wake_at == scene.at(-2.2)
    assert warm.amplifier_on


def test_sound_is_prepared_only_shortly_before(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    assert decide(scene.snapshot(plan, -7), LIMITS).cues == ()
    assert decide(scene.snapshot(plan, -7), LIMITS).wake_at == scene.at(-6)
    assert len(decide(scene.snapshot(plan, -6), LIMITS).cues) == 1


def test_after_the_relays_guard_nothing_is_wanted_for_a_while(scene: Any) -> None:
    slot = scene.slot("tin", 0, late_limit_s=3600)
    plan = scene.plan((scene.bulletin("tin", duration_s=3600), slot))
    cue = decide(scene.snapshot(plan, 0), LIMITS).cues[0]
    facts = {"cued": (cue,), "guard_tripped_at": scene.at(100)}
    tripped = decide(scene.snapshot(plan, 100, open=on_air(cue, scene.at(0)), **facts), LIMITS)
    assert (tripped.cues, tripped.amplifier_on) == ((), False)
    assert tripped.close_open is not None
    assert tripped.close_open.reason is Reason.AMPLIFIER_SILENT
    assert tripped.wake_at <= scene.at(100 + LIMITS.guard_rest_s)
    rested = decide(scene.snapshot(plan, 100 + LIMITS.guard_rest_s, **facts), LIMITS)
    assert rested.amplifier_on


def test_late_start_joins_in_step(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, 10), LIMITS).cues[0]
    assert cue.begun_at == scene.at(0)
    assert cue.start_at - cue.begun_at == timedelta(milliseconds=cue.offset_ms)
    assert cue.start_at == scene.at(10 + 2.2)
    assert cue.reason is Reason.JOINED_LATE


def test_a_cue_that_is_in_the_player_is_left_alone(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    first = decide(scene.snapshot(plan, 10), LIMITS)
    again = decide(scene.snapshot(plan, 11, cued=first.cues), LIMITS)
    assert again.cues == first.cues


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"booted_at": 700}, Reason.AGENT_DOWN),
        ({"trusted_since": 700}, Reason.CLOCK_UNTRUSTED),
        ({"plan_accepted_at": 700}, Reason.PLAN_LATE),
        ({"booted_at": 700, "trusted_since": 701}, Reason.AGENT_DOWN),
        ({"booted_at": 10, "trusted_since": 700}, Reason.CLOCK_UNTRUSTED),
        ({}, Reason.LATE_LIMIT),
    ],
)
def test_past_its_late_limit_it_is_skipped_and_says_why(
    scene: Any, more: dict[str, int], reason: Reason
) -> None:
    plan = scene.plan((scene.bulletin("tin", 3600), scene.slot("tin", 0)))
    facts = {name: scene.at(seconds) for name, seconds in more.items()}
    decision = decide(scene.snapshot(plan, 701, **facts), LIMITS)
    assert decision.cues == ()
    assert [(c.outcome, c.reason) for c in decision.closings] == [(Outcome.NOT_AIRED, reason)]


def test_missing_sound_is_waited_for_then_joined_or_skipped(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin", 3600), scene.slot("tin", 0)))
    missing = decide(scene.snapshot(plan, 5, held=frozenset()), LIMITS)
    assert missing.cues == ()
    assert missing.closings == ()
    assert missing.waiting_for == (plan.bulletins[0].sha256,)
    assert not missing.amplifier_on
    assert decide(scene.snapshot(plan, 30), LIMITS).cues[0].offset_ms == 32200
    skipped = decide(scene.snapshot(plan, 601, held=frozenset()), LIMITS)
    assert [c.reason for c in skipped.closings] == [Reason.NO_FILE]


def test_a_missing_sound_keeps_nobody_waiting(scene: Any) -> None:
    absent, there = scene.bulletin("absent", 300), scene.bulletin("there", 30)
    plan = scene.plan((absent, scene.slot("absent", 0)), (there, scene.slot("there", 20)))
    decision = decide(scene.snapshot(plan, 18, held=frozenset({there.sha256})), LIMITS)
    assert [(c.occurrence.bulletin.id, c.start_at) for c in decision.cues] == [
        ("there", scene.at(20))
    ]


def test_untrusted_clock_begins_nothing_and_calls_nothing_missed(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    for trust in (ClockTrust.LAST_SAVED, ClockTrust.UNKNOWN):
        decision = decide(scene.snapshot(plan, 5, trust=trust), LIMITS)
        assert decision.cues == ()
        assert decision.closings == ()
        assert not decision.amplifier_on


def test_what_sounds_goes_on_when_trust_is_lost(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, -3), LIMITS).cues[0]
    lost = scene.snapshot(
        plan,
        5,
        trust=ClockTrust.UNKNOWN,
        cued=(cue,),
        open=on_air(cue, scene.at(0)),
        amplifier_on_at=scene.at(-2),
    )
    assert decide(lost, LIMITS).cues == (cue,)
    assert decide(lost, LIMITS).amplifier_on


def test_equal_rank_waits_for_the_end_and_plays_whole(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("first", 60), scene.slot("first", 0)),
        (scene.bulletin("second", 60), scene.slot("second", 10)),
    )
    cues = decide(scene.snapshot(plan, -3), LIMITS).cues
    playing = scene.snapshot(
        plan, 57, cued=cues[:1], open=on_air(cues[0], scene.at(0)), amplifier_on_at=scene.at(-2)
    )
    first, second = decide(playing, LIMITS).cues
    assert first == cues[0]
    assert (second.start_at, second.offset_ms, second.reason) == (scene.at(60), 0, Reason.WAITED)


def test_the_waiting_item_keeps_its_place_once_the_first_is_closed(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("first", 60), scene.slot("first", 0)),
        (scene.bulletin("second", 60), scene.slot("second", 10)),
    )
    closed: dict[OccurrenceKey, Aired | None] = {
        (plan.slots[0].id, scene.at(0)): Aired(begun_at=scene.at(0), ended_at=scene.at(60))
    }
    cue = decide(scene.snapshot(plan, 70, closed=closed), LIMITS).cues[0]
    assert cue.begun_at == scene.at(60)
    assert cue.reason is Reason.WAITED


def test_who_waits_too_long_is_skipped(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("long", 3600), scene.slot("long", 0)),
        (scene.bulletin("short", 60), scene.slot("short", 10)),
    )
    decision = decide(scene.snapshot(plan, 11), LIMITS)
    assert [(c.occurrence.bulletin.id, c.reason) for c in decision.closings if c.occurrence] == [
        ("short", Reason.WAITED_TOO_LONG)
    ]


def test_priority_goes_first_at_the_same_instant(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("normal", 60), scene.slot("normal", 0)),
        (scene.bulletin("urgent", 60, Priority.PRIORITY), scene.slot("urgent", 0)),
    )
    cues = decide(scene.snapshot(plan, -3), LIMITS).cues
    assert [cue.occurrence.bulletin.id for cue in cues] == ["urgent"]


def test_quiet_hours_hold_on_the_cluster_unless_a_person_allowed_it(scene: Any) -> None:
    quiet = (QuietHours(start="16:30", end="05:00"),)
    tin = scene.bulletin("tin")
    refused = decide(
        scene.snapshot(scene.plan((tin, scene.slot("tin", 0)), quiet_hours=quiet), 0.5), LIMITS
    )
    assert [c.reason for c in refused.closings] == [Reason.QUIET_HOURS]
    allowed = scene.plan((tin, scene.slot("tin", 0, in_quiet_hours=True)), quiet_hours=quiet)
    assert decide(scene.snapshot(allowed, 0.5), LIMITS).cues


def test_stop_ends_what_is_on_air_and_cancels_what_is_planned(scene: Any) -> None:
    tin = scene.bulletin("tin")
    plan = scene.plan((tin, scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, -3), LIMITS).cues[0]
    stopped = replace(plan, stops=(Stop(slot=plan.slots[0].id, planned_at=scene.at(0)),))
    ended = decide(scene.snapshot(stopped, 5, cued=(cue,), open=on_air(cue, scene.at(0))), LIMITS)
    assert ended.cues == ()
    assert ended.close_open is not None
    assert (ended.close_open.reason, ended.close_open.ended_at) == (Reason.STOPPED, scene.at(5))
    called_off = decide(scene.snapshot(stopped, -3), LIMITS)
    assert called_off.cues == ()
    assert called_off.closings == ()


def test_a_slot_that_leaves_the_plan_is_silenced(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, -3), LIMITS).cues[0]
    gone = decide(
        scene.snapshot(scene.plan(), 5, cued=(cue,), open=on_air(cue, scene.at(0))), LIMITS
    )
    assert gone.close_open is not None
    assert gone.close_open.reason is Reason.CANCELLED


def test_a_new_plan_leaves_the_item_on_air_alone(scene: Any) -> None:
    tin, other = scene.bulletin("tin"), scene.bulletin("other")
    plan = scene.plan((tin, scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, -3), LIMITS).cues[0]
    later_owed = replace(plan.slots[0], owed_from=scene.at(2))
    newer = scene.plan((tin, later_owed), (other, scene.slot("other", 500)))
    decision = decide(scene.snapshot(newer, 5, cued=(cue,), open=on_air(cue, scene.at(0))), LIMITS)
    assert decision.cues == (cue,)
    assert decision.close_open is None


def test_a_restarted_agent_joins_the_item_that_was_on_air(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin", 1800), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, -3), LIMITS).cues[0]
    item = replace(on_air(cue, scene.at(0)), heard_until=scene.at(900))
    cue = decide(scene.snapshot(plan, 905, open=item), LIMITS).cues[0]
    assert (cue.begun_at, cue.offset_ms) == (scene.at(0), 907200)
    over = decide(scene.snapshot(plan, 1900, open=item), LIMITS)
    assert over.close_open is not None
    assert (over.close_open.reason, over.close_open.ended_at) == (Reason.AGENT_DOWN, scene.at(900))


def test_a_failing_player_is_given_up_after_three_tries(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    key = (plan.slots[0].id, scene.at(0))
    assert decide(scene.snapshot(plan, 5, failures={key: 2}), LIMITS).cues
    decision = decide(scene.snapshot(plan, 5, failures={key: 3}), LIMITS)
    assert [c.reason for c in decision.closings] == [Reason.PLAYER_FAILED]
    assert decision.cues == ()


def test_an_item_that_is_never_heard_out_is_closed(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, -3), LIMITS).cues[0]
    stuck = scene.snapshot(plan, 66, cued=(cue,), open=on_air(cue, scene.at(0)))
    decision = decide(stuck, LIMITS)
    assert decision.close_open is not None
    assert decision.close_open.reason is Reason.PLAYER_FAILED


def test_amplifier_holds_after_the_last_sample_then_goes_off(scene: Any) -> None:
    plan = scene.plan()
    ended = {"amplifier_on_at": scene.at(-60), "sound_ended_at": scene.at(0)}
    held = decide(scene.snapshot(plan, 0.2, **ended), LIMITS)
    assert held.amplifier_on
    assert held.wake_at == scene.at(0.5)
    assert not decide(scene.snapshot(plan, 0.5, **ended), LIMITS).amplifier_on


def test_amplifier_stays_on_through_a_short_pause(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 5)))
    ended = {"amplifier_on_at": scene.at(-60), "sound_ended_at": scene.at(-1)}
    assert decide(scene.snapshot(plan, 0, **ended), LIMITS).amplifier_on
    assert not decide(scene.snapshot(plan, 0), LIMITS).amplifier_on


def test_reconcile_switches_on_first_and_off_last(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    decision = decide(scene.snapshot(plan, -1), LIMITS)
    cue = decision.cues[0]
    assert reconcile(decision, (), amplifier_is_on=False) == [TurnAmplifierOn(), PlayCue(cue)]
    assert reconcile(decision, (cue,), amplifier_is_on=True) == []
    nothing = decide(scene.snapshot(scene.plan(), 0), LIMITS)
    assert reconcile(nothing, (cue,), amplifier_is_on=True) == [DropCue(cue), TurnAmplifierOff()]


def test_rows_tell_completed_partial_and_never(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, -3), LIMITS).cues[0]
    item = on_air(cue, scene.at(0.004))
    assert row_of_heard_out(item, scene.at(60)).outcome is Outcome.COMPLETED
    gap = resumed(replace(item, heard_until=scene.at(9)), scene.at(20), Reason.AGENT_DOWN)
    partial = row_of_heard_out(gap, scene.at(60))
    assert (partial.outcome, partial.reason) == (Outcome.PARTIAL, Reason.AGENT_DOWN)
    assert partial.interruptions[0].from_at == scene.at(9)
    joined = decide(scene.snapshot(plan, 10), LIMITS).cues[0]
    late = row_of_heard_out(on_air(joined, joined.start_at), scene.at(60))
    assert (late.outcome, late.reason) == (Outcome.PARTIAL, Reason.JOINED_LATE)
    skipped = decide(scene.snapshot(plan, 700), LIMITS).closings[0]
    never = row_of_closing(skipped, trust=ClockTrust.RTC, link_up=False, plan_version=3)
    assert (never.outcome, never.started_at, never.plan_version) == (Outcome.NOT_AIRED, None, 3)
    stopped = row_of_open(item, Outcome.PARTIAL, Reason.STOPPED, scene.at(7))
    assert closed_items([stopped, never])[item.key] is None
    aired = closed_items([stopped])[item.key]
    assert aired is not None
    assert aired.ended_at == scene.at(7)


@pytest.mark.parametrize(
    ("heard_s", "outcome"),
    [
        (-0.001, Outcome.NOT_AIRED),
        (0.0, Outcome.NOT_AIRED),
        (0.000001, Outcome.NOT_AIRED),
        (1.0, Outcome.PARTIAL),
    ],
)
def test_what_was_silent_from_its_first_instant_was_not_aired(
    scene: Any, heard_s: float, outcome: Outcome
) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    item = on_air(decide(scene.snapshot(plan, -3), LIMITS).cues[0], scene.at(0.004))
    heard_out = row_of_heard_out(item, scene.at(60))
    row = row_of_unheard(heard_out, scene.at(0.004 + heard_s), Reason.SILENT)
    assert (row.outcome, row.reason) == (outcome, Reason.SILENT)


def test_the_row_of_the_item_on_air_is_not_made_from_a_closing(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, -3), LIMITS).cues[0]
    closing = decide(
        scene.snapshot(scene.plan(), 5, open=on_air(cue, scene.at(0))), LIMITS
    ).close_open
    assert closing is not None
    with pytest.raises(ValueError, match="row of its own"):
        row_of_closing(closing, trust=ClockTrust.RTC, link_up=False, plan_version=1)


def play_through(scene: Any, start: Snapshot, until: datetime) -> list[ItemRow]:
    """A loudspeaker without faults: wakes when told to, plays what it is told, writes each row."""
    rows: list[ItemRow] = []
    now, item, cued = start.now, start.open, start.cued
    closed = dict(start.closed)
    watermark, on_at, ended_at = start.watermark, start.amplifier_on_at, start.sound_ended_at
    turns = 0
    while now < until:
        turns += 1
        assert turns < 2000, "the loop does not come to rest"
        turn = replace(
            start, now=now, open=item, cued=cued, closed=closed, watermark=watermark,
            amplifier_on_at=on_at, sound_ended_at=ended_at,
        )  # fmt: skip
        decision = decide(turn, LIMITS)
        assert decision.wake_at > now
        if decision.close_open is not None and item is not None:
            closing = decision.close_open
            rows.append(row_of_open(item, closing.outcome, closing.reason, closing.ended_at or now))
            item = None
        rows += [
            row_of_closing(c, trust=turn.trust, link_up=False, plan_version=1)
            for c in decision.closings
        ]
        closed.update(closed_items(rows))
        cued, watermark = decision.cues, decision.watermark
        on_at = (on_at or now) if decision.amplifier_on else None
        starts = [cue.start_at for cue in cued if item is None or cue.key != item.key]
        ends = [item.ends_at] if item else []
        now = min(
            [decision.wake_at, *[s for s in starts if s > now], *[e for e in ends if e > now]]
        )
        if item is not None and now >= item.ends_at:
            rows.append(row_of_heard_out(item, item.ends_at))
            closed.update(closed_items(rows))
            cued = tuple(cue for cue in cued if item is None or cue.key != item.key)
            item, ended_at = None, now
        for cue in cued:
            if item is None and cue.start_at <= now:
                assert on_at is not None, "sound into a cold amplifier"
                item = on_air(cue, cue.start_at)
    return rows


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_every_planned_item_gets_exactly_one_row_and_never_two_sound(
    scene: Any, data: st.DataObject
) -> None:
    pairs = [
        (
            scene.bulletin(
                f"b{n}",
                data.draw(st.integers(1, 900)),
                data.draw(st.sampled_from(list(Priority)[:2])),
            ),
            scene.slot(f"b{n}", data.draw(st.integers(-900, 3000))),
        )
        for n in range(data.draw(st.integers(1, 6)))
    ]
    plan = scene.plan(*pairs)
    held = frozenset(b.sha256 for b, _ in pairs if data.draw(st.booleans()))
    start = scene.snapshot(plan, 0, held=held, watermark=scene.at(-1000), booted_at=scene.at(0))
    rows = play_through(scene, start, scene.at(8000))
    keys = [(row.slot, row.planned_at) for row in rows]
    assert sorted(keys) == sorted((slot.id, slot.when.at) for _, slot in pairs)
    spans = sorted(
        (row.started_at, row.ended_at) for row in rows if row.started_at and row.ended_at
    )
    for (_, earlier_end), (later_start, _) in pairwise(spans):
        assert earlier_end <= later_start + timedelta(milliseconds=1)
    for row in rows:
        assert (row.sha256 in held) or row.outcome is Outcome.NOT_AIRED
        if row.started_at:
            assert row.started_at - row.planned_at <= timedelta(seconds=600 + 5)


def test_unknown_sha_is_not_held(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    assert decide(scene.snapshot(plan, -3, held=frozenset({Sha256("0" * 64)})), LIMITS).cues == ()


def test_the_amplifier_is_not_kept_on_for_an_item_that_is_given_up(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    failures = {(plan.slots[0].id, scene.at(0)): LIMITS.player_failures}
    facts = {"failures": failures, "amplifier_on_at": scene.at(-3)}
    assert not decide(scene.snapshot(plan, 1, **facts), LIMITS).amplifier_on


def test_a_sound_that_is_missing_as_its_turn_comes_is_told_at_its_last_chance(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("first", 120), scene.slot("first", 0)),
        (scene.bulletin("second", 60), scene.slot("second", 10, late_limit_s=300)),
    )
    closed: dict[OccurrenceKey, Aired | None] = {
        (plan.slots[0].id, scene.at(0)): Aired(begun_at=scene.at(0), ended_at=scene.at(120))
    }
    held = frozenset({plan.bulletins[0].sha256})
    decision = decide(scene.snapshot(plan, 121, closed=closed, held=held), LIMITS)
    assert decision.waiting_for == (plan.bulletins[1].sha256,)
    assert decision.wake_at == scene.at(180.001)


def test_what_was_missed_before_the_item_on_air_began_has_not_waited_for_it(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("missed"), scene.slot("missed", -3600)),
        (scene.bulletin("now", 600), scene.slot("now", 0)),
    )
    cue = next(c for c in decide(scene.snapshot(plan, -3), LIMITS).cues)
    facts = {"cued": (cue,), "open": on_air(cue, scene.at(0)), "booted_at": scene.at(-100)}
    decision = decide(scene.snapshot(plan, 10, **facts), LIMITS)
    assert [c.reason for c in decision.closings] == [Reason.AGENT_DOWN]


def test_what_the_player_has_just_begun_keeps_its_place(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin", 900), scene.slot("tin", 0)))
    cue = replace(
        decide(scene.snapshot(plan, -3), LIMITS).cues[0],
        begun_at=scene.at(500),  # it waited for another, whose end is just told
        start_at=scene.at(500),
    )
    decision = decide(scene.snapshot(plan, 500.02, cued=(cue,)), LIMITS)
    assert decision.cues == (cue,)


def test_an_item_that_the_player_failed_on_is_not_closed_as_if_the_agent_was_gone(
    scene: Any,
) -> None:
    plan = scene.plan((scene.bulletin("tin", 3600), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, -3), LIMITS).cues[0]
    failures = {cue.key: 1}
    decision = decide(
        scene.snapshot(plan, 700, open=on_air(cue, scene.at(0)), failures=failures), LIMITS
    )
    assert decision.close_open is not None
    assert decision.close_open.reason is Reason.PLAYER_FAILED


def test_a_row_whose_clock_was_set_keeps_nobody_waiting(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    cue = decide(scene.snapshot(plan, -3), LIMITS).cues[0]
    row = row_of_heard_out(on_air(cue, scene.at(0)), scene.at(60))
    assert closed_items([row])[cue.key] is not None
    assert closed_items([replace(row, clock_step_s=86400.0)])[cue.key] is None


def test_who_comes_after_an_item_that_is_given_up_does_not_wait_for_it(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("broken", 420), scene.slot("broken", 0)),
        (scene.bulletin("next", 60), scene.slot("next", 240)),
    )
    failures = {(plan.slots[0].id, scene.at(0)): LIMITS.player_failures}
    decision = decide(scene.snapshot(plan, 1, failures=failures), LIMITS)
    assert decision.wake_at == scene.at(240 - LIMITS.prepare_s - LIMITS.warm_up_s)


def test_a_sound_that_is_missing_as_it_is_to_be_prepared_keeps_nobody_waiting(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("absent", 300, Priority.PRIORITY), scene.slot("absent", 0)),
        (scene.bulletin("there", 60), scene.slot("there", 0)),
    )
    held = frozenset({plan.bulletins[1].sha256})
    cues = decide(scene.snapshot(plan, -3, held=held), LIMITS).cues
    assert [(c.occurrence.bulletin.id, c.start_at) for c in cues] == [("there", scene.at(0))]
    both = decide(scene.snapshot(plan, -2, cued=cues), LIMITS).cues
    assert [cue.occurrence.bulletin.id for cue in both] == ["absent"]


def test_what_was_missed_has_not_waited_for_what_is_still_to_be_joined(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("joined", 1500), scene.slot("joined", -500)),
        (scene.bulletin("missed", 60), scene.slot("missed", -300, late_limit_s=60)),
    )
    decision = decide(scene.snapshot(plan, 0, booted_at=scene.at(-1)), LIMITS)
    assert [c.reason for c in decision.closings] == [Reason.AGENT_DOWN]
