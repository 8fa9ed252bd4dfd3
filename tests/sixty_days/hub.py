"""The hub as a cluster knows it: plans whose versions rise, made from slots that people add, move, cancel and stop."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from msgspec.structs import replace

from contract.codec import sign
from contract.ids import BulletinId, ClusterId, CommuneId, Sha256, SlotId
from contract.model import Bulletin, Desired, Once, Priority, QuietHours, Slot, Stop, Weekly
from contract.note import SignerKey
from contract.policy import DEFAULT_QUIET_HOURS, planned_starts
from tests.sixty_days.story import PROGRAMME

COMMUNE, CLUSTER = CommuneId("binh-lu"), ClusterId("bl-01")
KEPT_AFTER_END = timedelta(hours=24)
QUIET = (
    DEFAULT_QUIET_HOURS,
    (),
    (QuietHours(start="21:00", end="05:10"),),
    (QuietHours(start="16:45", end="17:15"), QuietHours(start="21:30", end="05:00")),
)


def sound_of(name: str) -> bytes:
    return name.encode() * 20


class Hub:
    """Facts and the plan made of them.

    Attributes:
        issued: Every plan that was issued, newest last.
    """

    def __init__(self, signer: SignerKey, now: datetime) -> None:
        self._signer = signer
        self._slots: dict[SlotId, Slot] = {}
        self._stops: list[Stop] = []
        self._quiet: tuple[QuietHours, ...] = DEFAULT_QUIET_HOURS
        self._maintenance = False
        self._volume_pct = 80
        self._made = 0
        self.bulletins: dict[BulletinId, Bulletin] = {}
        self.issued: list[Desired] = []
        long_ago = now - timedelta(days=30)
        for times, days, length_s, late_limit_s in PROGRAMME:
            self._add(
                Weekly(days=days, times=times),
                length_s,
                now=long_ago,
                late_limit_s=late_limit_s,
            )
        self.issue(now)

    def note(self) -> bytes:
        """The newest plan, signed."""
        return sign(self.issued[-1], self._signer)

    def issue(self, now: datetime) -> None:
        """Makes the next version."""
        slots = tuple(slot for slot in self._slots.values() if not self._is_over(slot, now))
        names = {slot.bulletin for slot in slots}
        self.issued.append(
            Desired(
                commune=COMMUNE,
                cluster=CLUSTER,
                version=len(self.issued) + 1,
                issued_at=now,
                volume_pct=self._volume_pct,
                bulletins=tuple(one for name, one in self.bulletins.items() if name in names),
                slots=slots,
                stops=tuple(s for s in self._stops if s.planned_at > now - timedelta(days=1)),
                quiet_hours=self._quiet,
                maintenance=self._maintenance,
            )
        )

    def _is_over(self, slot: Slot, now: datetime) -> bool:
        length = timedelta(milliseconds=self.bulletins[slot.bulletin].duration_ms)
        late = timedelta(seconds=slot.late_limit_s)
        return isinstance(slot.when, Once) and slot.when.at + length + late + KEPT_AFTER_END < now

    def _add(
        self,
        when: Once | Weekly,
        length_s: int,
        *,
        now: datetime,
        number: int = 0,
        late_limit_s: int,
    ) -> None:
        self._made += 1
        name = f"tin-{self._made}"
        bulletin = Bulletin(
            id=BulletinId(name),
            title=name,
            sha256=Sha256(hashlib.sha256(sound_of(name)).hexdigest()),
            size_bytes=len(sound_of(name)),
            duration_ms=length_s * 1000,
            priority=Priority.PRIORITY if number % 5 == 0 else Priority.NORMAL,
        )
        self.bulletins[bulletin.id] = bulletin
        slot = Slot(
            id=SlotId(f"slot-{self._made}"),
            bulletin=bulletin.id,
            when=when,
            owed_from=now,
            approved_at=now,
            late_limit_s=late_limit_s,
            in_quiet_hours=number % 7 == 0,
            volume_pct=number % 101 if number % 2 else None,
        )
        self._slots[slot.id] = slot

    # What people do

    def add_once(self, now: datetime, ahead_s: int, number: int) -> None:
        self._add(Once(at=now + timedelta(seconds=ahead_s)), 5 + number * 15, now=now, number=number,
                  late_limit_s=(0, 60, 600, 3600)[number % 4])  # fmt: skip

    def add_weekly(self, now: datetime, number: int, *, owed_from: datetime | None = None) -> None:
        times = (f"{4 + number % 18:02}:{number % 60:02}",)
        days = tuple(range(1 + number % 3, 8))
        self._add(Weekly(days=days, times=times), 10 + number * 9, now=owed_from or now,
                  number=number, late_limit_s=(600, 60)[number % 2])  # fmt: skip

    def _chosen(self, number: int) -> Slot | None:
        slots = list(self._slots.values())
        return slots[number % len(slots)] if slots else None

    def move(self, now: datetime, number: int) -> None:
        if (slot := self._chosen(number)) is not None:
            ahead = timedelta(seconds=60 * (number % 30) - 300)
            when = Once(at=max(now, now + ahead))
            self._slots[slot.id] = replace(slot, when=when, owed_from=now)

    def cancel(self, number: int) -> None:
        if (slot := self._chosen(number)) is not None and len(self._slots) > 3:
            del self._slots[slot.id]

    def stop(self, now: datetime, number: int) -> None:
        if (slot := self._chosen(number)) is None:
            return
        plan = self.issued[-1]
        length = timedelta(milliseconds=self.bulletins[slot.bulletin].duration_ms)
        starts = planned_starts(slot, now - length, now + timedelta(days=8), plan.zone)
        if (start := next(starts, None)) is not None:
            self._stops.append(Stop(slot=slot.id, planned_at=start))

    def set_quiet(self, number: int) -> None:
        self._quiet = QUIET[number % len(QUIET)]

    def set_volume(self, number: int) -> None:
        self._volume_pct = number

    def set_maintenance(self, *, on: bool) -> None:
        self._maintenance = on
