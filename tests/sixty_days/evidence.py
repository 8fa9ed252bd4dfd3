"""What a story left behind: what sounded, what was written, and what was due, by true time."""

from __future__ import annotations

from datetime import datetime

from contract.ids import SlotId
from contract.model import Bulletin, Desired, Slot
from contract.policy import planned_starts
from tests.sixty_days.devices import Heard
from tests.sixty_days.jumping import BEGIN, MICROSECOND
from tests.sixty_days.world import World, Written

Key = tuple[SlotId, datetime]
S = 1_000_000


def name(key: Key) -> str:
    return f"{key[0]} of {key[1]:%d %H:%M:%S}"


class Evidence:
    def __init__(self, world: World) -> None:
        self.w = world
        self.plans = [
            (from_us, to_us, plan)
            for from_us, to_us, plan in world.plan.stretches(world.clock.passed_us)
            if plan is not None
        ]
        self.heard: dict[Key, list[Heard]] = {}
        for one in world.heard:
            self.heard.setdefault(one.key, []).append(one)
        self.rows: dict[Key, list[Written]] = {}
        for written in world.written:
            self.rows.setdefault((written.row.slot, written.row.planned_at), []).append(written)
        self.due = self._due()

    # What there is to judge by

    def us(self, at: datetime) -> int:
        return self.w.clock.us_of(at)

    def end(self, one: Heard) -> int:
        return one.to_us if one.to_us is not None else self.w.clock.passed_us

    def wall(self, at_us: int) -> datetime:
        return BEGIN + MICROSECOND * at_us + self.w.error.at(at_us)

    def clock_was_right(self, from_us: float, to_us: float) -> bool:
        return all(self.w.trusted.during(from_us, to_us)) and not any(
            self.w.error.during(from_us, to_us)
        )

    def slot(self, plan: Desired | None, name: SlotId) -> tuple[Slot, Bulletin] | None:
        if plan is None:
            return None
        slot = next((one for one in plan.slots if one.id == name), None)
        if slot is None:
            return None
        return slot, next(one for one in plan.bulletins if one.id == slot.bulletin)

    def has(self, plan: Desired | None, key: Key) -> bool:
        found = self.slot(plan, key[0])
        return (
            found is not None
            and plan is not None
            and key[1] in planned_starts(found[0], key[1], key[1] + MICROSECOND, plan.zone)
        )

    def _due(self) -> set[Key]:
        """What was planned, by the plan in force (on the card, when the agent was down), at its time."""
        due: set[Key] = set()
        last_us = self.w.end_us
        for number, (from_us, to_us, plan) in enumerate(self.plans):
            end_us = min(to_us, last_us)
            nxt = self.plans[number + 1] if number + 1 < len(self.plans) else None
            for slot in plan.slots:
                start, end = (BEGIN + MICROSECOND * us for us in (from_us, end_us))
                for at in planned_starts(slot, start, end, plan.zone):
                    key = (slot.id, at)
                    if nxt is None or self.has(nxt[2], key) or self._counts_at_change(at, nxt):
                        due.add(key)
            if number:
                due |= self._came_late(self.plans[number - 1][2], plan, from_us)
        return due

    def _counts_at_change(self, at: datetime, nxt: tuple[int, int, Desired]) -> bool:
        """A start that the next plan does not have: due when the change was made after it, or seen after it."""
        changed_us, _, plan = nxt
        if any(
            self.w.trusted.at(us) and self.w.error.at(us) for us in (changed_us - 1, changed_us)
        ):
            return False
        if not self.w.trusted.at(changed_us):
            return at < plan.issued_at
        return True

    def _came_late(self, old: Desired, new: Desired, from_us: int) -> set[Key]:
        """What a plan brought after its time: made since the one before it, or already in it in time."""
        if not self.clock_was_right(from_us - 1, from_us):
            return set()
        now = BEGIN + MICROSECOND * min(from_us, self.w.end_us)
        late: set[Key] = set()
        for slot in new.slots:
            since = slot.owed_from if slot.owed_from >= old.issued_at else new.issued_at
            late |= {
                (slot.id, at)
                for at in planned_starts(slot, max(since, BEGIN), now, new.zone)
                if not self.has(old, (slot.id, at))
            }
        return late
