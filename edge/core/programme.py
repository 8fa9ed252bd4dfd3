"""Lays planned starts out on one loudspeaker: who sounds when, who waits, who is skipped and why."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from contract.journal import Reason
from contract.model import Desired
from contract.policy import planned_starts, touches_quiet
from edge.core.on_air import may_disturb
from edge.core.preempt import overridden_until
from edge.core.rest import held_back_by
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

    @property
    def last_chance_at(self) -> datetime:
        """When it is too late to begin it."""
        return last_chance_at(self.occurrence, self.begins_at)


class Refusal(Struct, frozen=True, kw_only=True):
    """An occurrence that will not sound."""

    occurrence: Occurrence
    reason: Reason


class Programme(Struct, frozen=True, kw_only=True):
    """The time line of one loudspeaker.

    Attributes:
        missing: Due now at their place, within their late limit, but their sound is not held.
    """

    placings: tuple[Placing, ...]
    refusals: tuple[Refusal, ...]
    missing: tuple[Placing, ...]


def last_chance_at(one: Occurrence, begins_at: datetime) -> datetime:
    """When it is too late to begin an item whose place is at `begins_at`: past its late limit, or over."""
    return min(max(begins_at, one.last_start_at), begins_at + one.duration)


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
    layout = _Layout(snapshot, snapshot.plan, limits)
    layout.place(_candidates(snapshot, snapshot.plan, limits))
    return Programme(
        placings=tuple(layout.placings),
        refusals=tuple(layout.refusals),
        missing=tuple(layout.missing),
    )


def first_owed_at(snapshot: Snapshot, limits: Limits) -> datetime:
    """Planned starts before this are settled or too old to matter.

    A watermark that lies ahead is one of a clock that was set back since: what it had settled is known by its rows.
    """
    oldest = snapshot.now - timedelta(days=limits.lookback_days)
    if snapshot.watermark is None:
        slots = snapshot.plan.slots if snapshot.plan else ()
        longest = max((slot.late_limit_s for slot in slots), default=0)
        return snapshot.now - timedelta(seconds=longest)
    owed_since = snapshot.owed_since or snapshot.watermark
    return min(snapshot.now, max(oldest, snapshot.watermark, owed_since))


def _candidates(snapshot: Snapshot, plan: Desired, limits: Limits) -> list[Occurrence]:
    start = first_owed_at(snapshot, limits)
    end = snapshot.now + timedelta(seconds=limits.horizon_s)
    on_air = snapshot.open.key if snapshot.open else None
    owed = {one.key: one for one in occurrences(plan, start, end)}
    return [one for key, one in owed.items() if key not in snapshot.closed and key != on_air]


class _Layout:
    """The work sheet of `lay_out`: the loudspeaker is free from `free_at` on."""

    def __init__(self, snapshot: Snapshot, plan: Desired, limits: Limits) -> None:
        self.placings: list[Placing] = []
        self.refusals: list[Refusal] = []
        self.missing: list[Placing] = []
        self._snapshot = snapshot
        self._plan = plan
        self._held_back_by = held_back_by(snapshot, limits)
        self._player_failures = limits.player_failures
        self._soon = snapshot.now + timedelta(seconds=limits.prepare_s + limits.warm_up_s)
        self._stops = {(stop.slot, stop.planned_at) for stop in plan.stops}
        self._cued = {cue.key for cue in snapshot.cued}
        self._aired: list[Aired] = []
        self._free_at = snapshot.open.ends_at if snapshot.open else LONG_AGO

    def place(self, queue: list[Occurrence]) -> None:
        """Settles each of `queue`, which comes in order of its planned starts."""
        if queue:
            self._aired = _aired_since(queue[0].planned_at, self._snapshot)
        waiting: list[tuple[tuple[int, datetime, datetime, str], int]] = []
        ahead = 0
        while ahead < len(queue) or waiting:
            while ahead < len(queue) and (not waiting or queue[ahead].planned_at <= self._free_at):
                heapq.heappush(waiting, (queue[ahead].rank, ahead))
                ahead += 1
            self._settle(queue[heapq.heappop(waiting)[1]])

    def _settle(self, one: Occurrence) -> None:
        begins_at = self._place_of(one)
        reason = self._refuse(one, begins_at)
        if reason is not None:
            self.refusals.append(Refusal(occurrence=one, reason=reason))
            return
        waited = Reason.WAITED if begins_at > one.planned_at else Reason.PLANNED
        placing = Placing(occurrence=one, begins_at=begins_at, reason=waited)
        if begins_at <= self._snapshot.now and one.bulletin.sha256 not in self._snapshot.held:
            self.missing.append(placing)
            return
        self.placings.append(placing)
        is_coming = begins_at > self._soon  # far ahead its sound is taken to arrive in time
        if is_coming or one.bulletin.sha256 in self._snapshot.held:
            self._free_at = placing.ends_at

    def _place_of(self, one: Occurrence) -> datetime:
        """Where it may begin; what was missed before the loudspeaker was taken has not waited for it."""
        snapshot = self._snapshot
        for cue in snapshot.cued:
            if cue.key == one.key and cue.start_at <= snapshot.now:
                return cue.begun_at  # the player has just begun it, and is about to say so
        taken_since = snapshot.open.started_at if snapshot.open else snapshot.now
        was_missed = one.last_start_at < taken_since
        alone_at = _free_after(one.planned_at, self._aired)
        return alone_at if was_missed else max(alone_at, self._free_at)

    def _refuse(self, one: Occurrence, begins_at: datetime) -> Reason | None:
        if one.key in self._stops:
            return Reason.STOPPED
        if self._snapshot.failures.get(one.key, 0) >= self._player_failures:
            return Reason.PLAYER_FAILED
        if begins_at > one.last_start_at:
            return self._held_back_by or Reason.WAITED_TOO_LONG
        if self._is_quiet(one, begins_at):
            return Reason.QUIET_HOURS
        if self._is_late(one, begins_at):
            return self._why_late(one, begins_at)
        return None

    def _is_late(self, one: Occurrence, begins_at: datetime) -> bool:
        """What the player is about to start within the late limit is let start."""
        now = self._snapshot.now
        is_over = now >= begins_at + one.duration
        return is_over or (now > max(begins_at, one.last_start_at) and one.key not in self._cued)

    def _is_quiet(self, one: Occurrence, begins_at: datetime) -> bool:
        if may_disturb(one):
            return False
        plan = self._plan
        return touches_quiet(begins_at, one.duration.total_seconds(), plan.quiet_hours, plan.zone)

    def _why_late(self, one: Occurrence, begins_at: datetime) -> Reason:
        """What alone would have been enough to miss it is named before what only made it late."""
        snapshot = self._snapshot
        enough = self._came_after(last_chance_at(one, begins_at))
        if enough is not None:
            return enough
        if one.bulletin.sha256 not in snapshot.held:
            return Reason.NO_FILE
        if snapshot.failures.get(one.key) or one.key in self._cued:
            return Reason.PLAYER_FAILED
        return self._held_back_by or self._came_after(begins_at) or Reason.LATE_LIMIT

    def _came_after(self, moment: datetime) -> Reason | None:
        """The first of agent, clock and plan that was there only later than `moment`."""
        snapshot = self._snapshot
        since = (
            (snapshot.booted_at, Reason.AGENT_DOWN),
            (snapshot.trusted_since, Reason.CLOCK_UNTRUSTED),
            (snapshot.plan_accepted_at, Reason.PLAN_LATE),
            (overridden_until(snapshot), Reason.INTERRUPTED),
        )
        return next((why for at, why in since if at is not None and at > moment), None)


def _aired_since(at: datetime, snapshot: Snapshot) -> list[Aired]:
    """When the loudspeaker was taken from `at` on. What ends ahead of now was put down by a clock that was set back."""
    spans = (one for one in snapshot.closed.values() if one is not None)
    recent = (one for one in spans if at < one.ended_at <= snapshot.now)
    return sorted(recent, key=lambda one: one.begun_at)


def _free_after(planned_at: datetime, aired: Iterable[Aired]) -> datetime:
    """The first instant from `planned_at` on at which no closed item was on air."""
    free_at = planned_at
    for one in aired:
        if one.begun_at <= free_at < one.ended_at:
            free_at = one.ended_at
    return free_at
