"""The one decision: from a snapshot to what should be on air, whether the amplifier is on, and when to look again."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from contract.journal import Outcome, Reason
from contract.model import Desired
from contract.policy import planned_starts
from edge.core.emergency import expired, first_of
from edge.core.preempt import Alarm, alarm, overridden_until
from edge.core.programme import Placing, Programme, first_owed_at, lay_out
from edge.core.state import Aired, Closing, Cue, Decision, Limits, Occurrence, OpenItem, Snapshot

LOOK_AGAIN = timedelta(hours=1)
MOMENT = timedelta(milliseconds=1)
IN_STEP = timedelta(milliseconds=100)
"""A cue that lies this near to its place on the time line is left alone."""


def decide(snapshot: Snapshot, limits: Limits) -> Decision:
    """What should be now, and until when that holds.

    With an untrusted clock nothing timed is begun and nothing is called missed; what already sounds goes on.
    """
    close_open = _close_open(snapshot, limits)
    if close_open is not None:
        snapshot = _without_open(snapshot, close_open)
    trusted = snapshot.trust.is_trusted
    programme = lay_out(snapshot, limits) if trusted else _nothing()
    closings = _closings(programme, snapshot, limits)
    alarm = _alarm(snapshot, limits)
    rests = alarm is None and rests_until(snapshot, limits) is not None
    cues = () if rests else alarm.cues if alarm else _cues(programme, snapshot, limits)
    is_on = alarm is not None or _amplifier_on(cues, programme, snapshot, limits)
    return Decision(
        cues=cues,
        amplifier_on=is_on and not rests,
        closings=closings,
        close_open=close_open,
        wake_at=_wake_at(cues, programme, snapshot, limits, alarm),
        watermark=_watermark(programme, snapshot, limits, closings),
        waiting_for=tuple(one.bulletin.sha256 for one in programme.missing),
        turn=alarm.turn if alarm else None,
        expired=expired(snapshot.emergencies, snapshot.now),
    )


def _alarm(snapshot: Snapshot, limits: Limits) -> Alarm | None:
    """The emergency that is on goes over everything: quiet hours, a clock that nobody trusts, the guard's rest."""
    emergency = first_of(snapshot.emergencies, snapshot.now)
    if emergency is None:
        return None
    return alarm(emergency, snapshot, limits, snapshot.now + _warm_up_left(snapshot, limits))


def _without_open(snapshot: Snapshot, closing: Closing) -> Snapshot:
    """As it will be once the item on air is closed: it has its row, and is not to get another."""
    item = snapshot.open
    if item is None:
        return snapshot
    ended_at = max(item.begun_at, closing.ended_at or snapshot.now)
    aired = Aired(begun_at=item.begun_at, ended_at=ended_at)
    return replace(snapshot, open=None, closed={**snapshot.closed, item.key: aired})


def rests_until(snapshot: Snapshot, limits: Limits) -> datetime | None:
    """Until when nothing sounds because the relay's guard has acted; None: nothing keeps it silent."""
    if snapshot.guard_tripped_at is None:
        return None
    until = snapshot.guard_tripped_at + timedelta(seconds=limits.guard_rest_s)
    return until if snapshot.now < until else None


def _nothing() -> Programme:
    return Programme(placings=(), refusals=(), missing=())


# The item on air


def _close_open(snapshot: Snapshot, limits: Limits) -> Closing | None:
    item = snapshot.open
    if item is None:
        return None
    reason = _why_over(item, snapshot, limits)
    if reason is None:
        return None
    sounding = any(cue.key == item.key for cue in snapshot.cued)
    ended_at = min(snapshot.now, item.ends_at) if sounding else item.heard_until
    return Closing(occurrence=None, outcome=Outcome.PARTIAL, reason=reason, ended_at=ended_at)


def _why_over(item: OpenItem, snapshot: Snapshot, limits: Limits) -> Reason | None:
    if snapshot.plan is not None and (reason := _taken_off(item, snapshot.plan)):
        return reason
    if rests_until(snapshot, limits) is not None:
        return Reason.INTERRUPTED
    if snapshot.failures.get(item.key, 0) >= limits.player_failures:
        return Reason.PLAYER_FAILED
    if any(cue.key == item.key for cue in snapshot.cued):
        grace = timedelta(seconds=limits.heard_out_grace_s)
        return Reason.PLAYER_FAILED if snapshot.now >= item.ends_at + grace else None
    if not snapshot.trust.is_trusted:
        return None
    last_join_at = item.heard_until + timedelta(seconds=_late_limit_s(snapshot.plan, item))
    is_over = snapshot.now >= item.ends_at or snapshot.now > last_join_at
    return why_gone(item, snapshot) if is_over else None


def why_gone(item: OpenItem, snapshot: Snapshot) -> Reason:
    """Why the item on air does not sound, when the player has not failed on it."""
    until = overridden_until(snapshot)
    return (
        Reason.INTERRUPTED if until is not None and until >= item.heard_until else Reason.AGENT_DOWN
    )


def _taken_off(item: OpenItem, plan: Desired) -> Reason | None:
    if any((stop.slot, stop.planned_at) == item.key for stop in plan.stops):
        return Reason.STOPPED
    return Reason.CANCELLED if open_occurrence(plan, item) is None else None


def open_occurrence(plan: Desired, item: OpenItem) -> Occurrence | None:
    """The item on air as the plan has it, or None when the plan has it no more."""
    for slot in plan.slots:
        if slot.id != item.slot:
            continue
        owed = replace(slot, owed_from=item.planned_at)
        end = item.planned_at + timedelta(milliseconds=1)
        bulletin = next((b for b in plan.bulletins if b.id == slot.bulletin), None)
        is_same = bulletin is not None and bulletin.sha256 == item.sha256
        if (
            bulletin is not None
            and is_same
            and any(planned_starts(owed, item.planned_at, end, plan.zone))
        ):
            return Occurrence(slot=slot, bulletin=bulletin, planned_at=item.planned_at)
    return None


def _late_limit_s(plan: Desired | None, item: OpenItem) -> int:
    occurrence = open_occurrence(plan, item) if plan else None
    return occurrence.slot.late_limit_s if occurrence else 0


# Items that will not sound


def _closings(programme: Programme, snapshot: Snapshot, limits: Limits) -> tuple[Closing, ...]:
    refused = [
        Closing(occurrence=one.occurrence, outcome=Outcome.NOT_AIRED, reason=one.reason)
        for one in programme.refusals
        if one.occurrence.planned_at <= snapshot.now
    ]
    failed = [
        Closing(occurrence=one.occurrence, outcome=Outcome.NOT_AIRED, reason=Reason.PLAYER_FAILED)
        for one in programme.placings
        if _has_failed(one, snapshot, limits)
    ]
    return (*refused, *failed)


def _has_failed(placing: Placing, snapshot: Snapshot, limits: Limits) -> bool:
    return snapshot.failures.get(placing.occurrence.key, 0) >= limits.player_failures


# What the player should hold


def _cues(programme: Programme, snapshot: Snapshot, limits: Limits) -> tuple[Cue, ...]:
    cues = _cue_open(snapshot, limits)
    soon = snapshot.now + timedelta(seconds=limits.prepare_s + limits.warm_up_s)
    for placing in programme.placings:
        one = placing.occurrence
        is_ready = one.bulletin.sha256 in snapshot.held and not _has_failed(
            placing, snapshot, limits
        )
        if placing.begins_at <= soon and is_ready:
            cues.append(_cue(one, placing.begins_at, placing.reason, snapshot, limits))
    return tuple(cue for cue in cues if cue.start_at < cue.ends_at)[:2]


def _cue_open(snapshot: Snapshot, limits: Limits) -> list[Cue]:
    """The item on air: as it sounds, or joined again after the player or the agent was gone."""
    item, plan = snapshot.open, snapshot.plan
    if item is None:
        return []
    sounding = [cue for cue in snapshot.cued if cue.key == item.key]
    if sounding or plan is None or not snapshot.trust.is_trusted:
        return sounding
    occurrence = open_occurrence(plan, item)
    if occurrence is None or occurrence.bulletin.sha256 not in snapshot.held:
        return []
    return [_cue(occurrence, item.begun_at, item.reason, snapshot, limits)]


def _cue(
    one: Occurrence, begun_at: datetime, reason: Reason, snapshot: Snapshot, limits: Limits
) -> Cue:
    for cue in snapshot.cued:
        if (
            cue.key == one.key
            and abs(cue.begun_at - begun_at) <= IN_STEP
            and cue.occurrence.bulletin == one.bulletin
        ):
            return cue
    start_at = max(begun_at, _earliest_start_at(begun_at, snapshot, limits))
    late = start_at - begun_at
    return Cue(
        occurrence=one,
        begun_at=begun_at,
        start_at=start_at,
        offset_ms=round(late.total_seconds() * 1000),
        reason=Reason.JOINED_LATE if late and reason is not Reason.WAITED else reason,
        volume_pct=_volume_pct(one, snapshot.plan),
    )


def _earliest_start_at(begun_at: datetime, snapshot: Snapshot, limits: Limits) -> datetime:
    """A start that is still ahead is kept even when the amplifier will be cold for its first moment."""
    if begun_at > snapshot.now + timedelta(milliseconds=100):
        return begun_at
    return snapshot.now + max(timedelta(seconds=limits.join_s), _warm_up_left(snapshot, limits))


def _warm_up_left(snapshot: Snapshot, limits: Limits) -> timedelta:
    warm_up = timedelta(seconds=limits.warm_up_s + limits.warm_up_margin_s)
    if snapshot.amplifier_on_at is None:
        return warm_up
    return max(timedelta(0), snapshot.amplifier_on_at + warm_up - snapshot.now)


def _volume_pct(one: Occurrence, plan: Desired | None) -> int:
    if one.slot.volume_pct is not None:
        return one.slot.volume_pct
    return plan.volume_pct if plan else 0


# The amplifier


def _switch_on_at(start_at: datetime, limits: Limits) -> datetime:
    return start_at - timedelta(seconds=limits.warm_up_s + limits.warm_up_margin_s)


def _amplifier_on(
    cues: tuple[Cue, ...], programme: Programme, snapshot: Snapshot, limits: Limits
) -> bool:
    now = snapshot.now
    if snapshot.open is not None and cues:
        return True
    if any(_switch_on_at(cue.start_at, limits) <= now for cue in cues):
        return True
    if snapshot.amplifier_on_at is None:
        return False
    if snapshot.sound_ended_at is not None and now < snapshot.sound_ended_at + timedelta(
        seconds=limits.hold_s
    ):
        return True
    pause = timedelta(seconds=limits.keep_on_s)
    return any(
        _switch_on_at(one.begins_at, limits) <= now + pause
        for one in _playable(programme, snapshot)
    )


def _playable(programme: Programme, snapshot: Snapshot) -> list[Placing]:
    return [one for one in programme.placings if one.occurrence.bulletin.sha256 in snapshot.held]


# When to look again


def _wake_at(
    cues: tuple[Cue, ...],
    programme: Programme,
    snapshot: Snapshot,
    limits: Limits,
    alarm: Alarm | None,
) -> datetime:
    now = snapshot.now
    moments = [now + LOOK_AGAIN]
    moments += [one.until + MOMENT for one in snapshot.emergencies]
    if alarm is not None and alarm.wake_at is not None:
        moments.append(alarm.wake_at)
    for placing in programme.placings:
        prepare_at = placing.begins_at - timedelta(seconds=limits.prepare_s + limits.warm_up_s)
        moments += [prepare_at, _switch_on_at(placing.begins_at, limits), placing.begins_at]
    for cue in cues:
        moments += [
            _switch_on_at(cue.start_at, limits),
            cue.ends_at + timedelta(seconds=limits.heard_out_grace_s),
        ]
    moments += [one.occurrence.planned_at for one in programme.refusals]
    moments += [min(one.last_start_at, one.planned_at + one.duration) for one in programme.missing]
    if snapshot.sound_ended_at is not None:
        moments.append(snapshot.sound_ended_at + timedelta(seconds=limits.hold_s))
    if (until := rests_until(snapshot, limits)) is not None:
        moments.append(until)
    return min(moment for moment in moments if moment > now)


def _watermark(
    programme: Programme, snapshot: Snapshot, limits: Limits, closings: tuple[Closing, ...]
) -> datetime:
    """No planned start before this is without its row once `closings` are written."""
    if not snapshot.trust.is_trusted or snapshot.plan is None:
        return snapshot.watermark or snapshot.now
    settled = {closing.occurrence.key for closing in closings if closing.occurrence}
    unsettled = [
        one.planned_at
        for one in (*(p.occurrence for p in programme.placings), *programme.missing)
        if one.key not in settled
    ]
    if snapshot.open is not None:
        unsettled.append(snapshot.open.planned_at)
    return max(min([snapshot.now, *unsettled]), first_owed_at(snapshot, limits))
