"""Whether anything sounds, or is due to, so that what can wait waits. Pure."""

from __future__ import annotations

from datetime import timedelta

from edge.core.programme import occurrences
from edge.core.state import Snapshot


def is_idle(snapshot: Snapshot) -> bool:
    """Whether nothing is on air, held ready or wanted."""
    return (
        snapshot.open is None
        and snapshot.turn is None
        and snapshot.amplifier_on_at is None
        and not snapshot.cued
        and not snapshot.emergencies
    )


def is_due(snapshot: Snapshot, within: timedelta) -> bool:
    """Whether an item is planned within a time from now, or is late and may still begin."""
    plan, now = snapshot.plan, snapshot.now
    if plan is None:
        return False
    latest_s = max((slot.late_limit_s for slot in plan.slots), default=0)
    found = occurrences(plan, now - timedelta(seconds=latest_s), now + within)
    return any(one.key not in snapshot.closed and now <= one.last_start_at for one in found)
