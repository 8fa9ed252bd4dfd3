"""Which sounds the plan needs, soonest first."""

from __future__ import annotations

from datetime import datetime, timedelta

from contract.ids import Sha256
from contract.model import Bulletin, Desired
from edge.core.programme import occurrences

LOOK_AHEAD = timedelta(days=8)


def sounds_in_order_of_need(plan: Desired | None, now: datetime) -> tuple[Bulletin, ...]:
    """Every sound of the plan: by the first start that needs it, then those that no start needs soon."""
    if plan is None:
        return ()
    by_sound = {bulletin.sha256: bulletin for bulletin in reversed(plan.bulletins)}
    soonest = first_needs(plan, now)
    others = (bulletin.sha256 for bulletin in plan.bulletins if bulletin.sha256 not in soonest)
    return tuple(by_sound[sha256] for sha256 in dict.fromkeys((*soonest, *others)))


def first_needs(plan: Desired | None, now: datetime) -> dict[Sha256, datetime]:
    """When each sound is first needed in the days ahead, soonest first; what may still be joined is needed now."""
    if plan is None:
        return {}
    longest = timedelta(milliseconds=max((b.duration_ms for b in plan.bulletins), default=0))
    needs: dict[Sha256, datetime] = {}
    for one in occurrences(plan, now - longest, now + LOOK_AHEAD):
        needs.setdefault(one.bulletin.sha256, one.planned_at)
    return needs
