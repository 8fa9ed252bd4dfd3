"""Whether what did not sound has a true reason, and whether what had none sounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from contract.journal import Outcome, Reason
from contract.model import Bulletin, Desired, Slot
from contract.policy import touches_quiet
from tests.sixty_days.evidence import Evidence, Key, S, name
from tests.sixty_days.jumping import BEGIN
from tests.sixty_days.world import Written

LONG_AGO = datetime(1970, 1, 1, tzinfo=BEGIN.tzinfo)


class WhyNot:
    """Attributes:
    well: Items that had to sound to the millisecond, as nothing whatever was in their way.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.e = evidence
        self.well = 0

    def reasons_untrue(self) -> Iterator[str]:
        for key, (written, *_) in self.e.rows.items():
            row = written.row
            if row.outcome is not Outcome.NOT_AIRED:
                continue
            planned_us = self.e.us(key[1])
            from_us = min(planned_us - 700 * S, written.at_us)
            if not self.e.clock_was_right(from_us, max(planned_us, written.at_us)):
                continue
            found = next(
                (f for _, _, plan in reversed(self.e.plans) if (f := self.e.slot(plan, key[0]))),
                None,
            )
            if found is not None and not self._is_true(row.reason, key, written, found):
                yield f"{name(key)} is not aired for {row.reason}, which is not so"

    def _is_true(
        self, reason: Reason, key: Key, written: Written, found: tuple[Slot, Bulletin]
    ) -> bool:
        slot, bulletin = found
        at = self.e.us(key[1])
        late_us = max(slot.late_limit_s, 0) * S
        until = at + late_us + 7 * S
        plans = [p for p in self.e.w.plan.during(at - 10 * S, written.at_us) if p is not None]
        held = self.e.w.held.during(at, until)
        length_s = late_us / S + bulletin.duration_ms / 1000
        others = [one for one in self.e.w.heard if one.key != key and one.from_us <= until]
        true: dict[Reason, Callable[[], bool]] = {
            Reason.AGENT_DOWN: lambda: not all(self.e.w.is_up.during(at - 10 * S, until)),
            Reason.PLAN_LATE: lambda: any(
                not self.e.has(plan, key) for plan in self.e.w.plan.during(at - 10 * S, until)
            ),
            Reason.NO_FILE: lambda: any(bulletin.sha256 not in one for one in held),
            Reason.PLAYER_FAILED: lambda: any(
                at - 10 * S <= us <= until + 60 * S for us in self.e.w.troubles_us
            ),
            Reason.AMPLIFIER_SILENT: lambda: any(
                at - 610 * S <= us <= until for us in self.e.w.relay.trips_us
            ),
            Reason.MAINTENANCE: lambda: any(plan.maintenance for plan in plans),
            Reason.QUIET_HOURS: lambda: any(
                touches_quiet(key[1], length_s, plan.quiet_hours, plan.zone) for plan in plans
            ),
            Reason.STOPPED: lambda: any(_is_stopped(plan, key) for plan in plans),
            Reason.CANCELLED: lambda: any(not self.e.has(plan, key) for plan in plans),
            Reason.WAITED_TOO_LONG: lambda: any(self.e.end(one) >= at - 10 * S for one in others),
            # It waited for a sound that never came to its end.
            Reason.LATE_LIMIT: lambda: any(
                one.is_hung and at - 7200 * S < one.from_us for one in others
            ),
        }
        return reason in true and true[reason]()

    def not_aired_though_all_was_well(self) -> Iterator[str]:
        for key in sorted(self.e.due & set(self.e.rows)):
            written = self.e.rows[key][0]
            if self._all_was_well(key, written):
                self.well += 1
                row = written.row
                late = (row.started_at or LONG_AGO) - key[1]
                if row.outcome is not Outcome.COMPLETED or abs(late) > timedelta(milliseconds=50):
                    yield f"all was well, and {name(key)} is {row.outcome} ({row.reason}), {late} late"

    def _all_was_well(self, key: Key, written: Written) -> bool:
        w, at = self.e.w, self.e.us(key[1])
        found = self.e.slot(w.plan.at(at), key[0])
        if found is None or at < 20 * S:
            return False
        slot, bulletin = found
        from_us, to_us = at - 10 * S, at + bulletin.duration_ms * 1000 + 7 * S
        plans = w.plan.during(from_us, to_us)
        length_s = bulletin.duration_ms / 1000
        return (
            written.at_us >= at
            and all(w.is_up.during(from_us, to_us))
            and self.e.clock_was_right(at - 700 * S, to_us)
            and all(
                self.e.has(plan, key) and self._allows(plan, key, slot, length_s) for plan in plans
            )
            and all(bulletin.sha256 in held for held in w.held.during(from_us, to_us))
            and not any(sha == bulletin.sha256 and us <= to_us for us, sha in w.lost_us)
            and not any(from_us <= us <= to_us for us in w.troubles_us)
            and not any(at - 610 * S <= us <= to_us for us in w.relay.trips_us)
            and not self._others_near(key, from_us, to_us)
        )

    def _allows(self, plan: Desired | None, key: Key, slot: Slot, length_s: float) -> bool:
        if plan is None or plan.maintenance:
            return False
        if _is_stopped(plan, key):
            return False
        mine = next((one for one in plan.slots if one.id == key[0]), slot)
        return mine.in_quiet_hours or not touches_quiet(
            key[1], length_s, plan.quiet_hours, plan.zone
        )

    def _others_near(self, key: Key, from_us: int, to_us: int) -> bool:
        """Whether another sounds around it, or was planned near it and might have."""
        return any(
            one.key != key and one.from_us <= to_us and self.e.end(one) >= from_us
            for one in self.e.w.heard
        )


def _is_stopped(plan: Desired, key: Key) -> bool:
    return any((stop.slot, stop.planned_at) == key for stop in plan.stops)
