"""Journal rows from what happened, and what happened from journal rows."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from msgspec.structs import replace

from contract.journal import Interruption, ItemRow, Outcome, Reason
from contract.ports import ClockTrust
from edge.core.state import Aired, Closing, Cue, OccurrenceKey, OpenItem

UNNUMBERED = 1
"""The ledger gives a row its number."""
SAME_INSTANT = timedelta(milliseconds=50)
"""Two instants this near are one: each was worked out from its own reading of a monotonic clock, which differ by
microseconds, and less than this of a programme was heard by nobody."""


def open_item(
    cue: Cue, started_at: datetime, *, trust: ClockTrust, link_up: bool, plan_version: int
) -> OpenItem:
    """The item that has just begun to sound."""
    bulletin = cue.occurrence.bulletin
    return OpenItem(
        slot=cue.occurrence.slot.id,
        bulletin=bulletin.id,
        sha256=bulletin.sha256,
        planned_at=cue.occurrence.planned_at,
        begun_at=cue.begun_at,
        started_at=started_at,
        heard_until=started_at,
        bulletin_at_ms=cue.offset_ms,
        duration_ms=bulletin.duration_ms,
        reason=cue.reason,
        volume_pct=cue.volume_pct,
        clock_trust=trust,
        link_up=link_up,
        plan_version=plan_version,
    )


def resumed(item: OpenItem, at: datetime, reason: Reason) -> OpenItem:
    """The item on air after a gap in its sound."""
    gap = Interruption(from_at=item.heard_until, to_at=at, reason=reason)
    return replace(item, heard_until=at, interruptions=(*item.interruptions, gap))


def row_of_open(item: OpenItem, outcome: Outcome, reason: Reason, ended_at: datetime) -> ItemRow:
    """The row of an item that has sounded."""
    return ItemRow(
        number=UNNUMBERED,
        slot=item.slot,
        bulletin=item.bulletin,
        sha256=item.sha256,
        planned_at=item.planned_at,
        outcome=outcome,
        reason=reason,
        started_at=item.started_at,
        ended_at=ended_at,
        bulletin_at_ms=item.bulletin_at_ms,
        duration_ms=item.duration_ms,
        volume_pct=item.volume_pct,
        clock_trust=item.clock_trust,
        link_up=item.link_up,
        plan_version=item.plan_version,
        level_db=None if item.level_db is None else round(item.level_db, 1),
        clock_step_s=item.clock_step_s,
        interruptions=item.interruptions,
    )


def row_of_heard_out(item: OpenItem, ended_at: datetime) -> ItemRow:
    """The row of an item that sounded to its end: completed only when nothing of it was missed."""
    if item.interruptions:
        return row_of_open(item, Outcome.PARTIAL, item.interruptions[-1].reason, ended_at)
    outcome = Outcome.PARTIAL if item.bulletin_at_ms else Outcome.COMPLETED
    return row_of_open(item, outcome, item.reason, ended_at)


def row_of_unheard(row: ItemRow, unheard_from: datetime, reason: Reason) -> ItemRow:
    """The row of an item of which nothing was heard from an instant on, whatever the player made of it."""
    if row.started_at is None or unheard_from <= row.started_at + SAME_INSTANT:
        return replace(
            row,
            outcome=Outcome.NOT_AIRED,
            reason=reason,
            started_at=None,
            ended_at=None,
            bulletin_at_ms=0,
            level_db=None,
            interruptions=(),
        )
    gap = Interruption(from_at=unheard_from, to_at=row.ended_at or unheard_from, reason=reason)
    return replace(
        row,
        outcome=Outcome.PARTIAL,
        reason=reason,
        interruptions=(*row.interruptions, gap),
    )


def with_level(item: OpenItem, level_db: float | None, now: datetime) -> OpenItem:
    """The item on air after a report of its level since `heard_until`.

    Its level is the RMS over all that was heard of it, so that a person can compare it with another day's: the loudest
    second would only tell that there was a sound once. What was silent is told by the interruptions.
    """
    if level_db is None or item.level_db is None:
        known_db = item.level_db if level_db is None else level_db
        return replace(item, heard_until=now, level_db=known_db)
    before_s = max(0.0, (item.heard_until - item.started_at).total_seconds())
    since_s = max(0.0, (now - item.heard_until).total_seconds())
    if before_s + since_s == 0:
        return replace(item, heard_until=now)
    energy = before_s * 10 ** (item.level_db / 10) + since_s * 10 ** (level_db / 10)
    mean_db = 10 * math.log10(energy / (before_s + since_s))
    return replace(item, heard_until=now, level_db=mean_db)


def shifted(item: OpenItem, step: timedelta) -> OpenItem:
    """The item on air after a step of the wall clock: the same sound, by the new time."""
    return replace(
        item,
        begun_at=item.begun_at + step,
        started_at=item.started_at + step,
        heard_until=item.heard_until + step,
        clock_step_s=item.clock_step_s + step.total_seconds(),
        interruptions=tuple(
            replace(gap, from_at=gap.from_at + step, to_at=gap.to_at + step)
            for gap in item.interruptions
        ),
    )


def row_of_closing(
    closing: Closing, *, trust: ClockTrust, link_up: bool, plan_version: int
) -> ItemRow:
    """The row of an item that never sounded.

    Raises:
        ValueError: The closing is about the item on air.
    """
    one = closing.occurrence
    if one is None:
        raise ValueError("the item on air has a row of its own")
    return ItemRow(
        number=UNNUMBERED,
        slot=one.slot.id,
        bulletin=one.bulletin.id,
        sha256=one.bulletin.sha256,
        planned_at=one.planned_at,
        outcome=closing.outcome,
        reason=closing.reason,
        duration_ms=one.bulletin.duration_ms,
        clock_trust=trust,
        link_up=link_up,
        plan_version=plan_version,
    )


def closed_items(rows: list[ItemRow]) -> dict[OccurrenceKey, Aired | None]:
    """What the ledger says of items that are over."""
    return {(row.slot, row.planned_at): _aired(row) for row in rows}


def _aired(row: ItemRow) -> Aired | None:
    """When it kept others waiting; None also for a row whose clock was set: by now's clock it was at another time."""
    if row.started_at is None or row.ended_at is None or row.clock_step_s:
        return None
    return Aired(
        begun_at=row.started_at - timedelta(milliseconds=row.bulletin_at_ms), ended_at=row.ended_at
    )
