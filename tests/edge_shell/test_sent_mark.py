from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.ids import BulletinId, Sha256, SlotId
from contract.journal import EventKind, EventRow, Reason
from contract.ports import ClockTrust
from edge.core.obey import Marks
from edge.core.state import OpenItem
from edge.shell.ledger import Ledger
from edge.shell.sent_mark import SentMark

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
ON_AIR = OpenItem(
    slot=SlotId("s"),
    bulletin=BulletinId("b"),
    sha256=Sha256("0" * 64),
    planned_at=AT,
    begun_at=AT,
    started_at=AT,
    heard_until=AT,
    bulletin_at_ms=0,
    duration_ms=60_000,
    reason=Reason.PLANNED,
    volume_pct=80,
    clock_trust=ClockTrust.RTC,
    link_up=True,
    plan_version=1,
)


def test_it_is_remembered_and_never_falls(tmp_path: Path) -> None:
    mark = SentMark(tmp_path / "ledger.sent")
    assert mark.read() == ("", 0)
    mark.raise_to("e1", 7)
    mark.raise_to("e1", 5)
    assert SentMark(tmp_path / "ledger.sent").read() == ("e1", 7)
    mark.raise_to("e2", 1)
    assert SentMark(tmp_path / "ledger.sent").read() == ("e2", 1)


def test_what_was_remembered_is_not_written_again(tmp_path: Path) -> None:
    mark = SentMark(tmp_path / "ledger.sent")
    mark.raise_to("e1", 7)
    (tmp_path / "ledger.sent").unlink()
    mark.raise_to("e1", 7)
    assert not (tmp_path / "ledger.sent").exists()


@pytest.mark.parametrize("data", [b"", b"\0" * 10, b"e1", b"e1 x", b"e1 7 8", b"\xff\xfe 1"])
def test_a_damaged_one_bears_no_witness(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "ledger.sent").write_bytes(data)
    assert SentMark(tmp_path / "ledger.sent").read() == ("", 0)


def test_a_card_that_takes_nothing_ends_nothing(tmp_path: Path) -> None:
    SentMark(tmp_path / "gone" / "ledger.sent").raise_to("e1", 7)


def append(ledger: Ledger, *details: str) -> None:
    for detail in details:
        ledger.append(EventRow(number=1, event=EventKind.SURGE, at=AT, detail=detail))


def send(ledger: Ledger) -> list[str]:
    batch = ledger.batch_waiting(max_bytes=10**6)
    assert batch is not None
    ledger.going_out(batch)
    return [row.detail for row in batch.rows if isinstance(row, EventRow)]


def died_while_writing(folder: Path, *, sends: bool) -> tuple[Path, str]:
    """A card that has lost the last part of the ledger's write-ahead log: rows c and d, and the end of the item."""
    path = folder / "ledger.db"
    ledger = Ledger(path)
    append(ledger, "a", "b")
    ledger.set_open(ON_AIR)
    ledger.obey(Marks(are_whole=True), ())
    good = (folder / "ledger.db-wal").stat().st_size
    append(ledger, "c", "d")
    ledger.set_open(None)
    if sends:
        send(ledger)
    left = folder / "after"
    shutil.copytree(folder, left, ignore=shutil.ignore_patterns("after", "*-shm"))
    os.truncate(left / "ledger.db-wal", good)
    epoch = ledger.epoch
    ledger.close()
    return left / "ledger.db", epoch


def test_a_ledger_that_lost_what_was_sent_leaves_its_epoch(tmp_path: Path) -> None:
    path, old = died_while_writing(tmp_path, sends=True)
    ledger = Ledger(path)
    assert ledger.epoch != old
    assert "rows 3 to 4" in ledger.replaced
    assert ledger.open_item() is None, "it may have ended long ago"
    assert not ledger.marks().are_whole, "no command is obeyed twice"
    append(ledger, "e")
    assert send(ledger) == ["a", "b"], "what is left goes out under its own epoch"
    assert ledger.acknowledge(old, 4), "the hub holds more of it than the card"
    batch = ledger.batch_waiting(max_bytes=10**6)
    assert batch is not None
    assert (batch.epoch, [row.number for row in batch.rows]) == (ledger.epoch, [1])
    epoch = ledger.epoch
    ledger.close()
    again = Ledger(path)
    assert again.epoch == epoch, "once is enough"
    again.close()


def test_numbers_that_nobody_has_seen_are_given_again(tmp_path: Path) -> None:
    path, old = died_while_writing(tmp_path, sends=False)
    ledger = Ledger(path)
    assert ledger.epoch == old
    assert ledger.open_item() == ON_AIR
    assert ledger.marks().are_whole
    append(ledger, "e")
    assert send(ledger) == ["a", "b", "e"]
    ledger.close()
