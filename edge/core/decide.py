"""The one decision: from a snapshot to what should be on air, whether the amplifier is on, and when to look again."""

from __future__ import annotations

from datetime import datetime, timedelta

from contract.journal import Outcome, Reason
from contract.model import Desired
from edge.core.emergency import expired, first_of
from edge.core.on_air import close_open, open_occurrence, quiet_begins_at, without_open
from edge.core.preempt import Alarm, alarm
from edge.core.programme import Placing, Programme, first_owed_at, lay_out
from edge.core.rest import held_back_by, rests_until, settles_at
from edge.core.state import Closing, Cue, Decision, Limits, Occurrence, OpenItem, Snapshot

LOOK_AGAIN = timedelta(hours=1)
JUST_AFTER = timedelta(milliseconds=1)
IN_STEP = timedelta(milliseconds=100)
"""A cue that lies this near to its place on the time line is left alone."""


def decide(snapshot: Snapshot, limits: Limits) -> Decision:
    """What should be now, and until when that holds.

    With an untrusted clock nothing timed is begun and nothing is called missed; what already sounds goes on.
    """
    closing = close_open(snapshot, limits)
    if closing is not None:
        snapshot = without_open(snapshot, closing)
    trusted = snapshot.trust.is_trusted
    programme = lay_out(snapshot, limits) if trusted else _nothing()
    closings = _closings(programme, snapshot, limits)
    alarm = _alarm(snapshot, limits)
    rests = alarm is None and held_back_by(snapshot, limits) is not None
    cues = () if rests else alarm.cues if alarm else _cues(programme, snapshot, limits)
    is_on = alarm is not None or _amplifier_on(cues, programme, snapshot, limits)
    return Decision(
        cues=cues,
        amplifier_on=is_on and not rests,
        closings=closings,
        close_open=closing,
        wake_at=_wake_at(cues, programme, snapshot, limits, alarm),
        watermark=_watermark(programme, snapshot, limits, closings),
        waiting_for=tuple(one.occurrence.bulletin.sha256 for one in programme.missing),
        turn=alarm.turn if alarm else None,
        expired=expired(snapshot.emergencies, snapshot.now),
    )


def _alarm(snapshot: Snapshot, limits: Limits) -> Alarm | None:
    """The emergency that is on goes over everything: quiet hours, a clock that nobody trusts, the guard's rest."""
    emergency = first_of(snapshot.emergencies, snapshot.now)
    if emergency is None:
        return None
    return alarm(emergency, snapshot, limits, snapshot.now + _warm_up_left(snapshot, limits))


def _nothing() -> Programme:
    return Programme(placings=(), refusals=(), missing=())


# Items that will not sound


def _closings(programme: Programme, snapshot: Snapshot, limits: Limits) -> tuple[Closing, ...]:
    return tuple(
        Closing(occurrence=one.occurrence, outcome=Outcome.NOT_AIRED, reason=one.reason)
        for one in programme.refusals
        if one.occurrence.planned_at <= snapshot.now
        and settles_at(one.occurrence.planned_at, snapshot, limits) is None
    )


# What the player should hold


def _cues(programme: Programme, snapshot: Snapshot, limits: Limits) -> tuple[Cue, ...]:
    cues = _cue_open(snapshot, limits)
    soon = snapshot.now + timedelta(seconds=limits.prepare_s + limits.warm_up_s)
    for placing in programme.placings:
        one = placing.occurrence
        if placing.begins_at <= soon and one.bulletin.sha256 in snapshot.held:
            cues.append(_cue(one, placing.begins_at, placing.reason, snapshot, limits))
    return tuple(
        cue for cue in cues if cue.start_at < cue.ends_at and _can_be_in_step(cue, snapshot)
    )[:2]


def _can_be_in_step(cue: Cue, snapshot: Snapshot) -> bool:
    """What is joined in progress is placed once the player is there: how late that will be, nobody knows before.

    Of what sounds a player that is lost says itself that it has failed.
    """
    item = snapshot.open
    sounds = item is not None and item.key == cue.key and cue in snapshot.cued
    return snapshot.player_ready or sounds or cue.begun_at > snapshot.now


def _cue_open(snapshot: Snapshot, limits: Limits) -> list[Cue]:
    """The item on air: as it sounds, or joined again after the player or the agent was gone."""
    item, plan = snapshot.open, snapshot.plan
    if item is None or snapshot.filling:
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
    if snapshot.open is not None and (cues or snapshot.filling):
        return True
    if any(_switch_on_at(cue.start_at, limits) <= now for cue in cues):
        return True
    if snapshot.amplifier_on_at is None:
        return False
    if snapshot.sound_ended_at is not None and now < snapshot.sound_ended_at + timedelta(
        seconds=limits.hold_s
    ):
        return True
    if snapshot.open is not None and now < _player_awaited_until(snapshot.open, limits):
        return True
    pause = timedelta(seconds=limits.keep_on_s)
    return any(
        _switch_on_at(one.begins_at, limits) <= now + pause
        for one in _playable(programme, snapshot)
    )


def _player_awaited_until(item: OpenItem, limits: Limits) -> datetime:
    """A player that comes back soon finds the amplifier warm."""
    return item.heard_until + timedelta(seconds=limits.keep_on_s + limits.warm_up_s)


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
    moments += [at + JUST_AFTER for one in snapshot.emergencies for at in (one.until, one.ends_by)]
    if alarm is not None and alarm.wake_at is not None:
        moments.append(alarm.wake_at)
    for placing in programme.placings:
        prepare_at = placing.begins_at - timedelta(seconds=limits.prepare_s + limits.warm_up_s)
        moments += [prepare_at, _switch_on_at(placing.begins_at, limits), placing.begins_at]
        moments.append(placing.last_chance_at + JUST_AFTER)
    for cue in cues:
        moments += [
            _switch_on_at(cue.start_at, limits),
            cue.ends_at + timedelta(seconds=limits.heard_out_grace_s),
        ]
    for refusal in programme.refusals:
        planned_at = refusal.occurrence.planned_at
        moments += [planned_at, settles_at(planned_at, snapshot, limits) or planned_at]
    moments += [one.last_chance_at + JUST_AFTER for one in programme.missing]
    if (quiet_at := quiet_begins_at(snapshot)) is not None:
        moments.append(quiet_at)
    if snapshot.open is not None:
        moments += [snapshot.open.ends_at, _player_awaited_until(snapshot.open, limits)]
    if snapshot.sound_ended_at is not None:
        moments.append(snapshot.sound_ended_at + timedelta(seconds=limits.hold_s))
    if (until := rests_until(snapshot, limits)) is not None:
        moments.append(until)
    return min(moment for moment in moments if moment > now)


def _watermark(
    programme: Programme, snapshot: Snapshot, limits: Limits, closings: tuple[Closing, ...]
) -> datetime | None:
    """No planned start before this is without its row once `closings` are written."""
    if not snapshot.trust.is_trusted or snapshot.plan is None:
        return snapshot.watermark
    settled = {closing.occurrence.key for closing in closings if closing.occurrence}
    pending = (
        *(one.occurrence for one in programme.placings),
        *(one.occurrence for one in programme.refusals),
        *(one.occurrence for one in programme.missing),
    )
    unsettled = [one.planned_at for one in pending if one.key not in settled]
    if snapshot.open is not None:
        unsettled.append(snapshot.open.planned_at)
    return max(min([snapshot.now, *unsettled]), first_owed_at(snapshot, limits))
