"""What an agent writes into its ledger all day, at random and faster: the rows of the drill."""

from __future__ import annotations

import hashlib
import os
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from contract.ids import BulletinId, Sha256, SlotId
from contract.journal import EventKind, EventRow, ItemRow, JournalRow, Outcome, Reason
from contract.ports import ClockTrust
from edge.core.rows import UNNUMBERED
from edge.core.state import OpenItem
from edge.shell.ledger import Ledger

BEGAN = datetime(2026, 11, 24, tzinfo=UTC)


def tell(**fact: Any) -> None:  # noqa: ANN401 - what is told is JSON
    """One fact, at once."""
    os.write(1, msgspec.json.encode(fact) + b"\n")


def mark_of(row: JournalRow) -> str:
    """Tells one content of a row from another."""
    return hashlib.sha256(msgspec.json.encode(row)).hexdigest()[:16]


class Day:
    """Writes, and tells each row once it is on the card.

    Args:
        ledger: Takes them.
        dice: Chooses.
        name: Of this run, so that every row is one of a kind.
    """

    def __init__(self, ledger: Ledger, dice: random.Random, name: str) -> None:
        self._ledger = ledger
        self._dice = dice
        self._name = name
        self._rows = 0

    async def something(self) -> None:
        """One thing that happens on a cluster."""
        self._dice.choice(
            [
                *[self._note] * 5, *[self._open_and_close] * 3,
                self._count, self._move_watermark, self._prune,
            ]
        )()  # fmt: skip

    def _next_name(self) -> str:
        self._rows += 1
        return f"{self._name}.{self._rows}"

    def _note(self) -> None:
        detail = self._next_name() + "x" * self._dice.choice([0, 10, 400, 3000])
        row = self._ledger.append(
            EventRow(number=UNNUMBERED, event=EventKind.SURGE, at=self._at(), detail=detail)
        )
        self._tell_row(row)

    def _open_and_close(self) -> None:
        """An item goes on air, or the one that is ends; one that a crash cut off ends now."""
        item = self._ledger.open_item()
        if item is None:
            self._ledger.set_open(self._item_on_air())
            return
        row = ItemRow(
            number=UNNUMBERED,
            slot=item.slot,
            bulletin=item.bulletin,
            sha256=item.sha256,
            planned_at=item.planned_at,
            outcome=Outcome.COMPLETED,
            reason=Reason.PLANNED,
        )
        self._tell_row(self._ledger.close_item(row))

    def _item_on_air(self) -> OpenItem:
        at = self._at()
        return OpenItem(
            slot=SlotId(self._next_name()),
            bulletin=BulletinId("b"),
            sha256=Sha256("0" * 64),
            planned_at=at,
            begun_at=at,
            started_at=at,
            heard_until=at,
            bulletin_at_ms=0,
            duration_ms=60_000,
            reason=Reason.PLANNED,
            volume_pct=80,
            clock_trust=ClockTrust.RTC,
            link_up=True,
            plan_version=1,
        )

    def _tell_row(self, row: JournalRow) -> None:
        if not self._ledger.is_behind:
            tell(say="row", epoch=self._ledger.epoch, number=row.number, mark=mark_of(row))

    def _at(self) -> datetime:
        return BEGAN + timedelta(seconds=self._dice.randint(0, 86_400))

    def _count(self) -> None:
        self._ledger.add("surges", 1)

    def _move_watermark(self) -> None:
        self._ledger.set_watermark(self._at())

    def _prune(self) -> None:
        self._ledger.prune(BEGAN + timedelta(days=30))
