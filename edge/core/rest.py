"""Why nothing timed may sound at all for now, whatever the plan says."""

from __future__ import annotations

from datetime import datetime, timedelta

from contract.journal import Reason
from contract.ports import ClockTrust
from edge.core.state import Limits, Snapshot


def held_back_by(snapshot: Snapshot, limits: Limits) -> Reason | None:
    """What keeps the loudspeaker silent; None: nothing does."""
    if snapshot.plan is not None and snapshot.plan.maintenance:
        return Reason.MAINTENANCE
    return Reason.AMPLIFIER_SILENT if rests_until(snapshot, limits) is not None else None


def rests_until(snapshot: Snapshot, limits: Limits) -> datetime | None:
    """Until when nothing sounds because the relay's guard has acted; None: nothing keeps it silent."""
    if snapshot.guard_tripped_at is None:
        return None
    until = snapshot.guard_tripped_at + timedelta(seconds=limits.guard_rest_s)
    return until if snapshot.now < until else None


def settles_at(planned_at: datetime, snapshot: Snapshot, limits: Limits) -> datetime | None:
    """Until when an item of the past is not yet called missed, as the clock may be set back; None: it may be.

    A clock that jumps ahead leaves items behind. The network, or a person, may set it right again moments later, and
    then they are still to come: a row by then would have taken them off.
    """
    is_synchronised = snapshot.trust is ClockTrust.SYNCHRONISED
    after_step_s = limits.synchronised_settle_s if is_synchronised else limits.settle_s
    after_boot_s = 0.0 if is_synchronised else limits.boot_settle_s
    moments = [
        set_at + timedelta(seconds=patience_s)
        for set_at, patience_s in (
            (snapshot.clock_set_at, after_step_s),
            (snapshot.booted_at, after_boot_s),
        )
        if set_at is not None and planned_at < set_at
    ]
    settled_at = max(moments, default=snapshot.now)
    return settled_at if settled_at > snapshot.now else None
