from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from contract.ids import BulletinId, ClusterId, CommuneId, Sha256, SlotId
from contract.model import Bulletin, Desired, Once, Priority, Slot
from contract.ports import ClockTrust
from edge.core.state import Snapshot

FIVE = datetime.fromisoformat("2026-11-24T17:00:00+07:00")


class Scene:
    """Short words for plans and snapshots; every time is in seconds from 17:00."""

    def at(self, seconds: float) -> datetime:
        return FIVE + timedelta(seconds=seconds)

    def bulletin(
        self, name: str, duration_s: float = 60, priority: Priority = Priority.NORMAL
    ) -> Bulletin:
        sha256 = Sha256(name.encode().hex().ljust(64, "0")[:64])
        return Bulletin(
            id=BulletinId(name),
            title=name,
            sha256=sha256,
            size_bytes=1000,
            duration_ms=round(duration_s * 1000),
            priority=priority,
        )

    def slot(self, name: str, at_s: float, **more: Any) -> Slot:
        more.setdefault("approved_at", self.at(-86400))
        return Slot(
            id=SlotId(f"slot-{name}"),
            bulletin=BulletinId(name),
            when=Once(at=self.at(at_s)),
            owed_from=self.at(-10 * 86400),
            **more,
        )

    def plan(self, *pairs: tuple[Bulletin, Slot], **more: Any) -> Desired:
        return Desired(
            commune=CommuneId("binh-lu"),
            cluster=ClusterId("bl-01"),
            version=1,
            issued_at=self.at(-86400),
            bulletins=tuple({b.id: b for b, _ in pairs}.values()),
            slots=tuple(slot for _, slot in pairs),
            **more,
        )

    def snapshot(self, plan: Desired | None, now_s: float, **more: Any) -> Snapshot:
        more.setdefault(
            "held", frozenset(b.sha256 for b in plan.bulletins) if plan else frozenset()
        )
        more.setdefault("trust", ClockTrust.SYNCHRONISED)
        more.setdefault("watermark", self.at(-7200))
        return Snapshot(now=self.at(now_s), plan=plan, **more)


@pytest.fixture
def scene() -> Scene:
    return Scene()
