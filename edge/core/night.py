"""Whether the agent may begin afresh: once a night, when nobody would notice. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from contract.model import ZONE, LocalTime
from edge.core.programme import occurrences
from edge.core.state import Snapshot

WINDOW = timedelta(hours=2)
"""Who cannot begin at its time tries for so long, then waits for the next night."""
NOTHING_DUE = timedelta(minutes=15)
LEAST_UP_S = 20 * 3600.0
"""One start a night, whatever the clock does meanwhile."""


class NightRestart(Struct, frozen=True, kw_only=True):
    """`[night_restart]` of the configuration.

    Attributes:
        at: Local time; None: never. Not needed for memory, as the player is replaced every fifty items by itself; an
            answer to leaks that nobody has found yet.
    """

    at: LocalTime | None = None


def may_restart(rule: NightRestart, snapshot: Snapshot, up_s: float) -> bool:
    """Whether the agent may end now, to be started again.

    Args:
        rule: When it may.
        snapshot: How the cluster is.
        up_s: How long this agent has been running.
    """
    if rule.at is None or up_s < LEAST_UP_S or not snapshot.trust.is_trusted:
        return False
    return _is_in_window(rule.at, snapshot.now) and _is_idle(snapshot) and not _is_due(snapshot)


def _is_in_window(at: LocalTime, now: datetime) -> bool:
    local = now.astimezone(ZoneInfo(ZONE))
    hour, minute, *second = (int(part) for part in at.split(":"))
    begins_at = local.replace(hour=hour, minute=minute, second=sum(second), microsecond=0)
    if begins_at > local:
        begins_at -= timedelta(days=1)
    return local - begins_at < WINDOW


def _is_idle(snapshot: Snapshot) -> bool:
    return (
        snapshot.open is None
        and snapshot.turn is None
        and snapshot.amplifier_on_at is None
        and not snapshot.cued
        and not snapshot.emergencies
    )


def _is_due(snapshot: Snapshot) -> bool:
    """Also what is late and may still begin."""
    plan, now = snapshot.plan, snapshot.now
    if plan is None:
        return False
    latest_s = max((slot.late_limit_s for slot in plan.slots), default=0)
    found = occurrences(plan, now - timedelta(seconds=latest_s), now + NOTHING_DUE)
    return any(one.key not in snapshot.closed and now <= one.last_start_at for one in found)
