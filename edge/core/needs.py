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
    longest = timedelta(milliseconds=max((b.duration_ms for b in plan.bulletins), default=0))
    ordered: dict[Sha256, Bulletin] = {}
    for one in occurrences(plan, now - longest, now + LOOK_AHEAD):
        ordered.setdefault(one.bulletin.sha256, one.bulletin)
    for bulletin in plan.bulletins:
        ordered.setdefault(bulletin.sha256, bulletin)
    return tuple(ordered.values())
