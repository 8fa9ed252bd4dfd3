"""The item on air: whether it goes on, and how its row ends when it does not."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from contract.journal import Outcome, Reason
from contract.model import Desired, Priority
from contract.policy import is_quiet, planned_starts, quiet_from
from edge.core.preempt import overridden_until
from edge.core.rest import held_back_by
from edge.core.state import Aired, Closing, Limits, Occurrence, OpenItem, Snapshot

SET_BACK = timedelta(seconds=2)
"""An item heard so much later than now was heard by another clock."""


def close_open(snapshot: Snapshot, limits: Limits) -> Closing | None:
    """How the item on air ends now; None: it goes on, or there is none."""
    item = snapshot.open
    if item is None:
        return None
    reason = _why_over(item, snapshot, limits)
    if reason is None:
        return None
    ended_at = min(snapshot.now, item.ends_at) if _sounds(item, snapshot) else item.heard_until
    return Closing(occurrence=None, outcome=Outcome.PARTIAL, reason=reason, ended_at=ended_at)


def without_open(snapshot: Snapshot, closing: Closing) -> Snapshot:
    """As it will be once the item on air is closed: it has its row, and is not to get another."""
    item = snapshot.open
    if item is None:
        return snapshot
    ended_at = max(item.begun_at, closing.ended_at or snapshot.now)
    aired = Aired(begun_at=item.begun_at, ended_at=ended_at)
    return replace(snapshot, open=None, closed={**snapshot.closed, item.key: aired})


def _sounds(item: OpenItem, snapshot: Snapshot) -> bool:
    return snapshot.filling or any(cue.key == item.key for cue in snapshot.cued)


def _why_over(item: OpenItem, snapshot: Snapshot, limits: Limits) -> Reason | None:
    reason = _taken_off(item, snapshot, limits) or held_back_by(snapshot, limits)
    if reason is not None:
        return reason
    if snapshot.failures.get(item.key, 0) >= limits.player_failures:
        return Reason.PLAYER_FAILED
    if _sounds(item, snapshot) and not snapshot.filling:
        grace = timedelta(seconds=limits.heard_out_grace_s)
        return Reason.PLAYER_FAILED if snapshot.now >= item.ends_at + grace else None
    if not snapshot.trust.is_trusted:
        return None
    return why_gone(item, snapshot) if _cannot_join(item, snapshot) else None


def why_gone(item: OpenItem, snapshot: Snapshot) -> Reason:
    """Why the item on air does not sound."""
    if snapshot.filling:
        return Reason.SILENT
    until = overridden_until(snapshot)
    was_overridden = until is not None and until >= item.heard_until
    if was_overridden:
        return Reason.INTERRUPTED
    has_failed = item.key in snapshot.failures or not snapshot.player_ready
    return Reason.PLAYER_FAILED if has_failed else Reason.AGENT_DOWN


def _taken_off(item: OpenItem, snapshot: Snapshot, limits: Limits) -> Reason | None:
    plan = snapshot.plan
    if plan is None:
        return None
    if any((stop.slot, stop.planned_at) == item.key for stop in plan.stops):
        return Reason.STOPPED
    occurrence = open_occurrence(plan, item)
    if occurrence is None:
        return Reason.CANCELLED
    return Reason.QUIET_HOURS if _disturbs(item, occurrence, snapshot, limits) else None


def _disturbs(item: OpenItem, one: Occurrence, snapshot: Snapshot, limits: Limits) -> bool:
    """Whether it has run into quiet hours: they are new in the plan, or the clock was set."""
    plan, now = snapshot.plan, snapshot.now
    if plan is None or may_disturb(one) or not snapshot.trust.is_trusted:
        return False
    left = item.ends_at - now
    has_more = left > timedelta(seconds=limits.quiet_grace_s)
    return has_more and is_quiet(now, plan.quiet_hours, plan.zone)


def may_disturb(one: Occurrence) -> bool:
    """Whether it sounds in quiet hours too: an emergency, or what a person allowed."""
    return one.bulletin.priority is Priority.EMERGENCY or one.slot.in_quiet_hours


def quiet_begins_at(snapshot: Snapshot) -> datetime | None:
    """When quiet hours begin under the item on air; None: it ends before."""
    item, plan = snapshot.open, snapshot.plan
    if item is None or plan is None:
        return None
    left_s = (item.ends_at - snapshot.now).total_seconds()
    return quiet_from(snapshot.now, left_s, plan.quiet_hours, plan.zone)


def _cannot_join(item: OpenItem, snapshot: Snapshot) -> bool:
    """Whether it is too late to go on with it, or its place on the time line is lost."""
    now = snapshot.now
    occurrence = open_occurrence(snapshot.plan, item) if snapshot.plan else None
    late_limit = timedelta(seconds=occurrence.slot.late_limit_s if occurrence else 0)
    is_over = now >= item.ends_at or now > item.heard_until + late_limit
    return is_over or now < item.heard_until - SET_BACK


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
