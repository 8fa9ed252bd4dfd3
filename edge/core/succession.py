"""What is settled when a new plan takes the place of the one in force, so that no item is lost between the two."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from contract.journal import Outcome, Reason
from contract.model import Desired
from edge.core.programme import first_owed_at, lay_out, occurrences
from edge.core.rest import settles_at
from edge.core.state import Closing, Limits, Occurrence, OccurrenceKey, Snapshot


class Succession(Struct, frozen=True, kw_only=True):
    """What to write before the new plan is in force.

    Attributes:
        closings: Items that were due and will not sound: the new plan has them no more, or brought them too late.
        watermark: Planned starts before this have their row; None: none was ever owed.
    """

    closings: tuple[Closing, ...]
    watermark: datetime | None


class _Pending(Struct, frozen=True):
    """A planned start of the past without a row, and why it will not sound; None: it still may."""

    one: Occurrence
    reason: Reason | None


def succeed(snapshot: Snapshot, new: Desired, limits: Limits) -> Succession:
    """Settles the past of two plans where they differ.

    With an untrusted clock the past reaches as far as is known: to what was settled before, and to when the hub issued
    the new plan.
    """
    old, watermark = snapshot.plan, snapshot.watermark
    if old is None or watermark is None:
        return Succession(closings=(), watermark=watermark)
    is_trusted = snapshot.trust.is_trusted
    present = snapshot if is_trusted else replace(snapshot, now=max(watermark, new.issued_at))
    kept = {one.key for one in occurrences(new, first_owed_at(present, limits), present.now)}
    mine = _pending(present, limits)
    brought = _brought_late(present, old, new, limits)
    dropped = [p for key, p in mine.items() if key not in kept]
    too_late = [p for p in brought if p.reason is not None]
    open_still = [p.one.planned_at for key, p in mine.items() if key in kept]
    open_still += [p.one.planned_at for p in brought if p.reason is None]
    if snapshot.open is not None:
        open_still.append(snapshot.open.planned_at)
    otherwise = Reason.CANCELLED if is_trusted else Reason.CLOCK_UNTRUSTED
    return Succession(
        closings=tuple(
            Closing(
                occurrence=p.one,
                outcome=Outcome.NOT_AIRED,
                reason=(p.reason if is_trusted else None) or otherwise,
            )
            for p in (*dropped, *too_late)
        ),
        watermark=min([present.now if is_trusted else watermark, *open_still]),
    )


def _pending(snapshot: Snapshot, limits: Limits) -> dict[OccurrenceKey, _Pending]:
    """What of the past has no row yet, by the plan of the snapshot."""
    programme = lay_out(snapshot, replace(limits, horizon_s=0.0))
    waiting = (*programme.placings, *programme.missing)
    found = [_Pending(one.occurrence, None) for one in waiting]
    for refusal in programme.refusals:
        may_return = settles_at(refusal.occurrence.planned_at, snapshot, limits) is not None
        found.append(_Pending(refusal.occurrence, None if may_return else refusal.reason))
    return {one.one.key: one for one in found}


def _brought_late(present: Snapshot, old: Desired, new: Desired, limits: Limits) -> list[_Pending]:
    """Planned starts of the past that `new` owes and `old` did not have.

    A slot that was made or changed since `old` was issued owes all its starts; another (this cluster is new to it) owes
    those from when `new` was issued.
    """
    now = present.now
    start = now - timedelta(days=limits.lookback_days)
    if present.owed_since is not None:
        start = max(start, present.owed_since)
    known = {one.key for one in occurrences(old, start, now)}
    on_air = present.open.key if present.open else None
    owed = {
        one.key: one.planned_at
        for one in occurrences(new, start, now)
        if (one.slot.owed_from >= old.issued_at or one.planned_at >= new.issued_at)
        and one.key not in known
        and one.key not in present.closed
        and one.key != on_air
    }
    if not owed:
        return []
    by_new = replace(
        present,
        plan=new,
        plan_accepted_at=now,
        watermark=min(owed.values()),
        booted_at=None,
        trusted_since=None,
    )
    return [one for key, one in _pending(by_new, limits).items() if key in owed]
