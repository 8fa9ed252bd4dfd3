"""Rows of clusters, stored once, whatever is repeated, reordered, lost, forgotten or of a newer program."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from contract.codec import Refused, encode
from contract.ids import ClusterId
from contract.journal import EventKind, EventRow, ItemRow, JournalBatch, JournalRow, Reason
from hub.core.journal_keeping import Gap, gaps_below, is_same
from hub.core.journal_reading import read_batch
from hub.store import journal, tables

NOON = datetime(2026, 11, 24, 5, tzinfo=UTC)
BL_01 = ClusterId("bl-01")


def surge(number: int, detail: str = "") -> EventRow:
    return EventRow(number=number, event=EventKind.SURGE, at=NOON, detail=detail)


class FarEnd:
    """A cluster's ledger and a link that repeats, reorders and loses in both directions.

    Args:
        chance: Decides what the link does.
        take: The hub: takes a batch, gives the row up to which it holds all.
        name: Of the first ledger.
    """

    def __init__(
        self, chance: random.Random, take: Callable[[JournalBatch], int], name: str
    ) -> None:
        self._chance = chance
        self._take = take
        self._name = name
        self._ledgers = 1
        self._rows: list[EventRow] = []
        self._acknowledged = 0
        self._flying: list[JournalBatch] = []
        self._arrived: set[tuple[str, int, str]] = set()

    @property
    def epoch(self) -> str:
        return f"{self._name}-{self._ledgers}"

    def write(self) -> None:
        number = len(self._rows) + 1
        self._rows.append(surge(number, detail=f"{self.epoch} {number}"))

    def lose_ledger(self) -> None:
        """A new one starts. Rows of the old one that are not on their way are lost with it."""
        self._ledgers += 1
        self._rows, self._acknowledged = [], 0

    def send(self) -> None:
        """What is not acknowledged goes out, as much as fits; it may be on its way already."""
        rows = tuple(self._rows[self._acknowledged :][: self._chance.randint(1, 4)])
        if rows:
            self._flying.append(JournalBatch(epoch=self.epoch, rows=rows))

    def lose(self) -> None:
        """The link drops a batch."""
        if self._flying:
            self._flying.pop(self._chance.randrange(len(self._flying)))

    def arrive(self, *, is_answered: bool) -> None:
        """Any batch on its way arrives, and may arrive again later."""
        if not self._flying:
            return
        batch = self._chance.choice(self._flying)
        if self._chance.random() < 0.7:
            self._flying.remove(batch)
        up_to = self._hand_over(batch)
        if is_answered and batch.epoch == self.epoch:
            assert up_to <= len(self._rows)
            self._acknowledged = max(self._acknowledged, up_to)

    def settle(self) -> None:
        """The link is good again: all that is on its way arrives, and then the rest."""
        while self._flying:
            self._hand_over(self._flying.pop(0))
        while self._acknowledged < len(self._rows):
            self.send()
            before = self._acknowledged
            self._acknowledged = self._hand_over(self._flying.pop())
            assert self._acknowledged > before

    def owed(self) -> set[tuple[str, int, str]]:
        """Rows that the hub must hold in the end, and no other."""
        return self._arrived | {(self.epoch, row.number, row.detail) for row in self._rows}

    def _hand_over(self, batch: JournalBatch) -> int:
        up_to = self._take(batch)
        self._arrived |= {(batch.epoch, row.number, _detail(row)) for row in batch.rows}
        held = {number for epoch, number, _ in self._arrived if epoch == batch.epoch}
        assert held.issuperset(range(1, up_to + 1))
        assert up_to + 1 not in held
        return up_to


STEPS = st.lists(
    st.sampled_from(["write", "write", "send", "arrive", "answer", "answer", "lose", "new ledger"]),
    max_size=40,
)


def _run(far: FarEnd, steps: list[str]) -> None:
    for step in steps:
        match step:
            case "write":
                far.write()
            case "send":
                far.send()
            case "lose":
                far.lose()
            case "new ledger":
                far.lose_ledger()
            case _:
                far.arrive(is_answered=step == "answer")
    far.settle()


async def test_every_row_is_stored_once_whatever_the_link_does(any_village: Any) -> None:
    await any_village.cluster("bl-01")
    store = any_village.parts.store

    def take(batch: JournalBatch) -> int:
        with store.writing() as connection:
            taken = journal.take(connection, BL_01, batch, NOON)
        assert (taken.gaps, taken.conflicts) == ((), ())
        return int(taken.up_to)

    @settings(max_examples=60, deadline=None)
    @given(steps=STEPS, chance=st.randoms(use_true_random=False), name=st.uuids().map(str))
    def stored_once(steps: list[str], chance: random.Random, name: str) -> None:
        with store.writing() as connection:
            connection.execute(delete(tables.journal))
            connection.execute(delete(tables.journal_mark))
        far = FarEnd(chance, take, name)
        _run(far, steps)
        with store.reading() as connection:
            records = journal.after(connection, 0, BL_01, 100_000)
        stored = [(one.epoch, one.row.number, _detail(one.row)) for one in records]
        assert len(stored) == len({*stored})
        assert {*stored} == far.owed()

    stored_once()


def _detail(row: JournalRow) -> str:
    assert isinstance(row, EventRow)
    return row.detail


@pytest.mark.parametrize(
    ("known", "held_from", "stored", "gaps"),
    [
        (0, 1, [], []),
        (4, 5, [], []),
        (4, 3, [], []),
        (4, 10, [], [(5, 9)]),
        (4, 10, [5, 6], [(7, 9)]),
        (4, 10, [7], [(5, 6), (8, 9)]),
        (0, 2**53, [], [(1, 2**53 - 1)]),
    ],
)
def test_gaps(known: int, held_from: int, stored: list[int], gaps: list[tuple[int, int]]) -> None:
    found = [(one.first, one.last) for one in gaps_below(known, held_from, stored)]
    assert found == gaps


async def test_what_will_never_come_is_not_waited_for_and_noted(any_village: Any) -> None:
    await any_village.cluster("bl-01")
    take = any_village.operations.journal.take
    assert await take(BL_01, JournalBatch(epoch="e", rows=(surge(1), surge(2)))) == 2
    late = JournalBatch(epoch="e", rows=(surge(9), surge(10)), held_from=9)
    assert await take(BL_01, late) == 10
    assert await take(BL_01, late) == 10
    (gap,) = await any_village.operations.journal.gaps()
    assert (gap.cluster, gap.first, gap.last) == ("bl-01", 3, 8)
    noted = [one.what for one in await any_village.operations.journal.audit()]
    assert noted.count("journal.gap") == 1


async def test_a_row_beyond_a_gap_is_waited_for_while_the_cluster_holds_it(
    any_village: Any,
) -> None:
    await any_village.cluster("bl-01")
    take = any_village.operations.journal.take
    assert await take(BL_01, JournalBatch(epoch="e", rows=(surge(5),))) == 0
    assert await any_village.operations.journal.gaps() == ()
    rows = tuple(surge(n) for n in range(1, 5))
    assert await take(BL_01, JournalBatch(epoch="e", rows=rows)) == 5


async def test_another_row_under_a_number_is_noted_and_the_first_kept(any_village: Any) -> None:
    await any_village.cluster("bl-01")
    journal_of = any_village.operations.journal
    await journal_of.take(BL_01, JournalBatch(epoch="e", rows=(surge(1, "first"),)))
    for _ in range(12):
        await journal_of.take(BL_01, JournalBatch(epoch="e", rows=(surge(1, "second"),)))
    (record,) = await journal_of.after(0)
    assert record.row.detail == "first"
    noted = [one.detail for one in await journal_of.audit() if one.what == "journal.conflict"]
    assert len(noted) == 2
    assert "10 times" in noted[0]


def test_a_word_that_was_unknown_once_is_no_conflict() -> None:
    row = msgspec.convert(
        {
            "row": "item",
            "number": 1,
            "slot": "s",
            "bulletin": "b",
            "sha256": "0" * 64,
            "planned_at": NOON,
            "outcome": "completed",
            "reason": "of_a_newer_program",
        },
        ItemRow,
    )
    assert row.reason is Reason.OTHER
    assert is_same(row, msgspec.structs.replace(row, reason=Reason.SILENT))
    assert not is_same(row, msgspec.structs.replace(row, reason=Reason.SILENT, volume_pct=3))
    assert not is_same(surge(1), row)


def test_no_row_of_a_newer_program_holds_up_the_log() -> None:
    known = msgspec.to_builtins(surge(1))
    event = known | {"number": 2, "event": "brand_new"}
    outcome = {"row": "item", "number": 3, "outcome": "brand_new", "at": "2026-11-24T12:00:00Z"}
    kind = {"row": "measurement", "number": 4, "level": 3}
    batch = {"v": 1, "epoch": "e", "held_from": 1, "rows": [known, event, outcome, kind]}
    read = read_batch(msgspec.json.encode(batch), NOON)
    assert [row.number for row in read.rows] == [1, 2, 3, 4]
    assert read.rows[0] == surge(1)
    others = read.rows[1:]
    assert all(isinstance(one, EventRow) and one.event is EventKind.OTHER for one in others)
    assert isinstance(others[1], EventRow)
    assert "brand_new" in others[1].detail
    assert others[1].at.hour == 12


@pytest.mark.parametrize(
    "batch",
    [
        {"epoch": "e", "rows": [{"row": "event"}]},
        {"epoch": "e", "rows": [3]},
        {"epoch": "e"},
        {"v": 2, "epoch": "e", "rows": []},
    ],
)
def test_what_is_no_batch_is_refused(batch: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        read_batch(msgspec.json.encode(batch), NOON)


def test_a_gap_is_a_range() -> None:
    assert encode(Gap(first=1, last=2)) == b'{"first":1,"last":2}'
