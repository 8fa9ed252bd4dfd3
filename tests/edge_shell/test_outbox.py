from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.codec import decode
from contract.journal import EventKind, EventRow, JournalBatch
from contract.topics import Kind
from edge.shell.ledger import Ledger
from edge.shell.outbox import BATCH_BYTES, Outbox


class Desk:
    """A ledger and an outbox in front of a link that behaves."""

    def __init__(self, folder: Path, wire: Any, at: Any) -> None:
        self.ledger = Ledger(folder / "ledger.db")
        self.wire = wire
        self.outbox = Outbox(self.ledger, wire)
        self._at = at

    def surges(self, count: int, detail: str = "") -> None:
        for _ in range(count):
            self.ledger.append(
                EventRow(number=1, event=EventKind.SURGE, at=self._at, detail=detail)
            )
        self.outbox.poke()

    def answer(self, up_to: int, epoch: str = "") -> None:
        if self.ledger.acknowledge(epoch or self.ledger.epoch, up_to):
            self.outbox.acknowledged()

    def batches(self) -> list[list[int]]:
        found = [decode(one, JournalBatch) for one in self.wire.of(Kind.JOURNAL)]
        assert {one.epoch for one in found} <= {self.ledger.epoch}
        return [[row.number for row in one.rows] for one in found]


@pytest.fixture
def desk(tmp_path: Path, wire: Any, papers: Any) -> Iterator[Desk]:
    made = Desk(tmp_path, wire, papers.plan().issued_at)
    yield made
    made.ledger.close()


async def test_rows_that_come_together_travel_together(
    desk: Desk, running: Any, eventually: Any
) -> None:
    async with running(desk.outbox.run()):
        desk.surges(3)
        await eventually(desk.batches)
    assert desk.batches() == [[1, 2, 3]]


async def test_the_next_batch_waits_for_the_answer_to_the_last(
    desk: Desk, running: Any, eventually: Any
) -> None:
    desk.surges(3, detail="x" * (BATCH_BYTES // 2))
    async with running(desk.outbox.run()):
        for number in (1, 2, 3):
            await eventually(lambda number=number: len(desk.batches()) == number)
            desk.answer(number)
    assert desk.batches() == [[1], [2], [3]]
    assert desk.ledger.waiting() == 0


async def test_a_new_link_is_asked_at_once(desk: Desk, running: Any, eventually: Any) -> None:
    async with running(desk.outbox.run()):
        desk.surges(1)
        await eventually(lambda: len(desk.batches()) == 1)
        desk.outbox.link_is_up()  # the answer was lost with the old one
        await eventually(lambda: len(desk.batches()) == 2)
        desk.answer(1)
    assert desk.batches() == [[1], [1]]


async def test_a_link_that_takes_nothing_loses_nothing(
    desk: Desk, running: Any, eventually: Any
) -> None:
    desk.wire.is_up = False
    async with running(desk.outbox.run()):
        desk.surges(1)
        await eventually(lambda: desk.wire.tries == 1)
        desk.surges(1)
        await eventually(lambda: desk.wire.tries == 2)
        desk.wire.is_up = True
        desk.outbox.link_is_up()
        await eventually(lambda: desk.batches() == [[1, 2]])


@pytest.mark.parametrize(("up_to", "epoch"), [(0, ""), (2, "another"), (99, "")])
async def test_an_answer_that_says_nothing_new_starts_no_ping_pong(
    desk: Desk, running: Any, eventually: Any, up_to: int, epoch: str
) -> None:
    async with running(desk.outbox.run()):
        desk.surges(2)
        await eventually(desk.batches)
        for _ in range(20):
            desk.answer(up_to, epoch)
            await asyncio.sleep(0)
        desk.answer(2)
        desk.surges(1)
        await eventually(lambda: [3] in desk.batches())
    assert desk.batches() == [[1, 2], [3]]


async def test_an_answer_that_comes_as_the_outbox_is_stopped_does_not_keep_it(
    desk: Desk, running: Any, eventually: Any
) -> None:
    for turns in range(5):
        async with running(desk.outbox.run()):
            desk.surges(1)
            await eventually(lambda turns=turns: len(desk.batches()) == turns + 1)
            await asyncio.sleep(0)
            desk.outbox.acknowledged()
            for _ in range(turns):
                await asyncio.sleep(0)


async def test_a_hub_from_an_old_backup_gets_again_what_it_has_forgotten(
    desk: Desk, running: Any, eventually: Any
) -> None:
    async with running(desk.outbox.run()):
        desk.surges(4)
        await eventually(desk.batches)
        desk.answer(4)
        desk.surges(1)
        await eventually(lambda: [5] in desk.batches())
        desk.answer(2)  # all that the backup held
        await eventually(lambda: [3, 4, 5] in desk.batches())
        desk.answer(5)
    assert desk.ledger.waiting() == 0
    assert desk.batches() == [[1, 2, 3, 4], [5], [3, 4, 5]]


async def test_what_is_gone_is_not_sent_again_and_the_hub_is_told(
    desk: Desk, running: Any, eventually: Any, tmp_path: Path
) -> None:
    desk.surges(4)
    desk.answer(4)
    with sqlite3.connect(tmp_path / "ledger.db") as other:
        other.execute("DELETE FROM journal WHERE number < 4")
    other.close()
    assert desk.ledger.held_from() == 4
    assert desk.ledger.acknowledge(desk.ledger.epoch, 1)
    assert [row.number for row in desk.ledger.rows_waiting(max_bytes=1000)] == [4]
    assert not desk.ledger.acknowledge(desk.ledger.epoch, 2)
    async with running(desk.outbox.run()):
        desk.outbox.poke()
        await eventually(desk.batches)
    (batch,) = (decode(one, JournalBatch) for one in desk.wire.of(Kind.JOURNAL))
    assert batch.held_from == 4


def test_a_number_is_never_given_twice_after_a_rewind(desk: Desk, tmp_path: Path) -> None:
    desk.surges(3)
    desk.answer(3)
    with sqlite3.connect(tmp_path / "ledger.db") as other:
        other.execute("DELETE FROM journal")
    other.close()
    assert not desk.ledger.acknowledge(desk.ledger.epoch, 1)
    desk.ledger.close()
    desk.ledger = Ledger(tmp_path / "ledger.db")
    desk.surges(1)
    assert [row.number for row in desk.ledger.rows_waiting(max_bytes=1000)] == [4]
