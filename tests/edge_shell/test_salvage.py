from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.command import Mode
from contract.ids import BulletinId, Sha256
from contract.journal import EventKind, EventRow, ItemRow, Outcome, Reason
from contract.model import Bulletin
from edge.core.emergency import Emergency
from edge.core.obey import Marks
from edge.shell.ledger import Ledger
from edge.shell.ledger_file import open_in_memory, open_on_card
from edge.shell.ledger_opening import merge, take_over
from edge.shell.salvage import remains_of

FIVE = datetime.fromisoformat("2026-11-24T17:00:00+07:00")
PLENTY = 10**9
PAGE = 4096


def item(number: int) -> ItemRow:
    return ItemRow(
        number=1,
        slot=f"s{number}",  # type: ignore[arg-type]
        bulletin="b",  # type: ignore[arg-type]
        sha256="0" * 64,  # type: ignore[arg-type]
        planned_at=FIVE + timedelta(minutes=number),
        outcome=Outcome.COMPLETED,
        reason=Reason.PLANNED,
    )


def make(path: Path, rows: int = 300, acknowledged: int = 100) -> str:
    ledger = Ledger(path)
    for number in range(1, rows + 1):
        ledger.append(item(number))
    ledger.acknowledge(ledger.epoch, acknowledged)
    ledger.accept_version(57)
    ledger.set_watermark(FIVE)
    ledger.obey(Marks(high=9), ())
    epoch = ledger.epoch
    ledger.close()
    return epoch


def spoil(path: Path, page: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[page * PAGE : (page + 1) * PAGE] = b"\xaa" * PAGE
    path.write_bytes(raw)


def leaf_of(path: Path, number: int) -> int:
    """The page that holds a row."""
    raw = path.read_bytes()
    at = raw.index(f'"slot":"s{number}"'.encode())
    return at // PAGE


def test_what_verifies_of_a_broken_ledger_is_carried_over_under_its_epoch(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    epoch = make(path)
    spoil(path, leaf_of(path, 205))
    ledger = Ledger(path)
    assert ledger.epoch != epoch
    assert (ledger.accepted_version(), ledger.watermark()) == (57, FIVE)
    assert not ledger.marks().are_whole, "marks may be old: no command before the hub's word"
    assert "carried over" in ledger.replaced
    batch = ledger.batch_waiting(max_bytes=PLENTY)
    assert batch is not None
    assert batch.epoch == epoch
    assert [row.number for row in batch.rows] == list(range(101, 301)), "no number is left out"
    lost = [row for row in batch.rows if isinstance(row, EventRow)]
    assert 0 < len(lost) < 30
    assert {row.event for row in lost} == {EventKind.LEDGER_REPLACED}
    assert len(ledger.closed_since(FIVE)) == 300 - len(lost), "nothing of it sounds again"
    ledger.close()


def test_carried_rows_wait_over_starts_until_the_hub_holds_them(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    epoch = make(path)
    spoil(path, leaf_of(path, 205))
    ledger = Ledger(path)
    told = EventRow(number=1, event=EventKind.LEDGER_REPLACED, at=FIVE, detail=ledger.replaced)
    ledger.tell_replaced(told)
    assert ledger.replaced == ""
    ledger.close()
    ledger = Ledger(path)
    assert ledger.is_replacement_unread
    assert ledger.waiting() == 201
    assert ledger.acknowledge(epoch, 301), "the hub may hold one that the card has lost"
    assert not ledger.acknowledge(epoch, 300)
    batch = ledger.batch_waiting(max_bytes=PLENTY)
    assert batch is not None
    assert (batch.epoch, len(batch.rows)) == (ledger.epoch, 1)
    assert ledger.acknowledge(ledger.epoch, 1)
    assert not ledger.is_replacement_unread
    assert ledger.waiting() == 0
    ledger.prune(FIVE + timedelta(days=400))
    assert ledger.closed_since(FIVE) == []
    ledger.close()


def test_a_fact_that_does_not_verify_is_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    make(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE fact SET value = '97' WHERE name = 'plan_version'")
        db.execute("UPDATE fact SET value = '2926-01-01T00:00:00+00:00' WHERE name = 'watermark'")
        db.execute("UPDATE journal SET body = '{' WHERE number = 150")
    ledger = Ledger(path)
    assert (ledger.accepted_version(), ledger.watermark()) == (0, None)
    rows = ledger.rows_waiting(max_bytes=PLENTY)
    assert [row.number for row in rows] == list(range(101, 301))
    assert [row.number for row in rows if isinstance(row, EventRow)] == [150]
    ledger.close()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32), cuts=st.booleans())
def test_any_damage_starts_makes_nothing_up_and_lets_no_mark_rise(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cuts: bool
) -> None:
    """Random pages are overwritten, or the file is cut: what is there afterwards was there before."""
    chance = random.Random(seed)
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    epoch = make(path, rows=120, acknowledged=20)
    raw = bytearray(path.read_bytes())
    if cuts:
        raw = raw[: chance.randrange(len(raw))]
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(raw) or 1)
        raw[at : at + 700] = chance.randbytes(len(raw[at : at + 700]))
    path.write_bytes(raw)
    ledger = Ledger(path)
    assert ledger.accepted_version() in (0, 57)
    assert ledger.watermark() in (None, FIVE)
    rows = ledger._rows_of(epoch, PLENTY)
    items = [row for row in rows if isinstance(row, ItemRow)]
    assert all(row.slot == f"s{row.number}" for row in items)
    numbers = [row.number for row in rows]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)) if numbers else True
    assert ledger.append(item(0)).number > 0
    ledger.close()


def test_an_emergency_that_ended_in_memory_does_not_come_back_with_the_card(tmp_path: Path) -> None:
    """Else a new start would sound it once more."""
    emergency = Emergency(
        id="e-1",
        bulletin=Bulletin(
            id=BulletinId("lu"),
            title="Lũ",
            sha256=Sha256("0" * 64),
            size_bytes=1000,
            duration_ms=10_000,
        ),
        repeats=1,
        gap_s=5,
        volume_pct=100,
        mode=Mode.LIVE,
        taken_at=FIVE,
        until=FIVE + timedelta(hours=1),
    )
    path = tmp_path / "ledger.db"
    ledger = Ledger(path)
    ledger.obey(Marks(high=9), (emergency,))
    ledger.close()
    with (
        closing(open_on_card(path, patience_s=5)) as card,
        closing(open_in_memory()) as memory,
    ):
        take_over(memory, remains_of(card))
        memory.execute("DELETE FROM fact WHERE name = 'emergencies'")  # it is over
        merge(memory, card)
    ledger = Ledger(path)
    assert (ledger.emergencies(), ledger.marks().high) == ((), 9)
    ledger.close()
