"""Whether the agent may begin afresh: once a night, when nobody would notice. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from contract.model import ZONE, LocalTime
from edge.core.calm import is_due, is_idle
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
    return (
        _is_in_window(rule.at, snapshot.now)
        and is_idle(snapshot)
        and not is_due(snapshot, NOTHING_DUE)
    )


def _is_in_window(at: LocalTime, now: datetime) -> bool:
    local = now.astimezone(ZoneInfo(ZONE))
    hour, minute, *second = (int(part) for part in at.split(":"))
    begins_at = local.replace(hour=hour, minute=minute, second=sum(second), microsecond=0)
    if begins_at > local:
        begins_at -= timedelta(days=1)
    return local - begins_at < WINDOW
