"""Lays planned starts out on one loudspeaker: who sounds when, who waits, who is skipped and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from contract.journal import Reason
from contract.model import Desired, Priority
from contract.policy import planned_starts, touches_quiet
from edge.core.preempt import overridden_until
from edge.core.state import Aired, Limits, Occurrence, Snapshot

LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Placing(Struct, frozen=True, kw_only=True):
    """An occurrence with its place on the time line."""

    occurrence: Occurrence
    begins_at: datetime
    reason: Reason

    @property
    def ends_at(self) -> datetime:
        """When its last sample is due."""
        return self.begins_at + self.occurrence.duration


class Refusal(Struct, frozen=True, kw_only=True):
    """An occurrence that will not sound."""

    occurrence: Occurrence
    reason: Reason


class Programme(Struct, frozen=True, kw_only=True):
    """The time line of one loudspeaker.

    Attributes:
        missing: Due now, within their late limit, but their sound is not held.
    """

    placings: tuple[Placing, ...]
    refusals: tuple[Refusal, ...]
    missing: tuple[Occurrence, ...]


def occurrences(plan: Desired, start: datetime, end: datetime) -> list[Occurrence]:
    """Every planned start of a plan in [start, end), earliest first."""
    bulletins = {bulletin.id: bulletin for bulletin in plan.bulletins}
    found = [
        Occurrence(slot=slot, bulletin=bulletins[slot.bulletin], planned_at=planned_at)
        for slot in plan.slots
        if slot.bulletin in bulletins
        for planned_at in planned_starts(slot, start, end, plan.zone)
    ]
    return sorted(found, key=lambda one: (one.planned_at, one.rank))


def lay_out(snapshot: Snapshot, limits: Limits) -> Programme:
    """The programme from the watermark to the horizon, as it stands at `snapshot.now`."""
    if snapshot.plan is None:
        return Programme(placings=(), refusals=(), missing=())
    layout = _Layout(snapshot, snapshot.plan)
    layout.place(_candidates(snapshot, snapshot.plan, limits))
    return Programme(
        placings=tuple(layout.placings),
        refusals=tuple(layout.refusals),
        missing=tuple(layout.missing),
    )


def first_owed_at(snapshot: Snapshot, limits: Limits) -> datetime:
    """Planned starts before this are settled or too old to matter."""
    oldest = snapshot.now - timedelta(days=limits.lookback_days)
    if snapshot.watermark is None:
        longest = (
            max((slot.late_limit_s for slot in snapshot.plan.slots), default=0)
            if snapshot.plan
            else 0
        )
        return snapshot.now - timedelta(seconds=longest)
    return max(oldest, snapshot.watermark)


def _candidates(snapshot: Snapshot, plan: Desired, limits: Limits) -> list[Occurrence]:
    start = first_owed_at(snapshot, limits)
    end = max(snapshot.now, start) + timedelta(seconds=limits.horizon_s)
    on_air = snapshot.open.key if snapshot.open else None
    return [
        one
        for one in occurrences(plan, start, end)
        if one.key not in snapshot.closed and one.key != on_air
    ]


class _Layout:
    """The work sheet of `lay_out`: the loudspeaker is free from `free_at` on."""

    def __init__(self, snapshot: Snapshot, plan: Desired) -> None:
        self.placings: list[Placing] = []
        self.refusals: list[Refusal] = []
        self.missing: list[Occurrence] = []
        self._snapshot = snapshot
        self._plan = plan
        self._stops = {(stop.slot, stop.planned_at) for stop in plan.stops}
        self._aired = sorted((a for a in snapshot.closed.values() if a), key=lambda a: a.begun_at)
        self._free_at = snapshot.open.ends_at if snapshot.open else LONG_AGO

    def place(self, queue: list[Occurrence]) -> None:
        while queue:
            chosen = self._next(queue)
            queue.remove(chosen)
            self._settle(chosen)

    def _next(self, queue: Sequence[Occurrence]) -> Occurrence:
        waiting = [one for one in queue if one.planned_at <= self._free_at]
        if waiting:
            return min(waiting, key=lambda one: one.rank)
        return min(queue, key=lambda one: (one.planned_at, one.rank))

    def _settle(self, one: Occurrence) -> None:
        begins_at = max(_free_after(one.planned_at, self._aired), self._free_at)
        reason = self._refuse(one, begins_at)
        if reason is not None:
            self.refusals.append(Refusal(occurrence=one, reason=reason))
        elif begins_at <= self._snapshot.now and one.bulletin.sha256 not in self._snapshot.held:
            self.missing.append(one)
        else:
            waited = Reason.WAITED if begins_at > one.planned_at else Reason.PLANNED
            placing = Placing(occurrence=one, begins_at=begins_at, reason=waited)
            self.placings.append(placing)
            self._free_at = placing.ends_at

    def _refuse(self, one: Occurrence, begins_at: datetime) -> Reason | None:
        if one.key in self._stops:
            return Reason.STOPPED
        if self._is_quiet(one, begins_at):
            return Reason.QUIET_HOURS
        if begins_at > one.last_start_at:
            return Reason.WAITED_TOO_LONG
        now = self._snapshot.now
        if now > max(begins_at, one.last_start_at) or now >= begins_at + one.duration:
            return self._why_late(one, begins_at)
        return None

    def _is_quiet(self, one: Occurrence, begins_at: datetime) -> bool:
        if one.bulletin.priority is Priority.EMERGENCY or one.slot.in_quiet_hours:
            return False
        plan = self._plan
        return touches_quiet(begins_at, one.duration.total_seconds(), plan.quiet_hours, plan.zone)

    def _why_late(self, one: Occurrence, begins_at: datetime) -> Reason:
        snapshot = self._snapshot
        if one.bulletin.sha256 not in snapshot.held:
            return Reason.NO_FILE
        last_chance = min(max(begins_at, one.last_start_at), begins_at + one.duration)
        since = (
            (snapshot.booted_at, Reason.AGENT_DOWN),
            (snapshot.trusted_since, Reason.CLOCK_UNTRUSTED),
            (snapshot.plan_accepted_at, Reason.PLAN_LATE),
            (overridden_until(snapshot), Reason.INTERRUPTED),
        )
        # What alone would have been enough to miss it is named before what only made it late.
        for moment in (last_chance, begins_at):
            for at, why in since:
                if at is not None and at > moment:
                    return why
        return Reason.LATE_LIMIT


def _free_after(planned_at: datetime, aired: Iterable[Aired]) -> datetime:
    """The first instant from `planned_at` on at which no closed item was on air."""
    free_at = planned_at
    for one in aired:
        if one.begun_at <= free_at < one.ended_at:
            free_at = one.ended_at
    return free_at
