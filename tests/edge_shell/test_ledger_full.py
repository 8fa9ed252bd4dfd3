from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from contract.journal import EventKind, EventRow
from edge.shell import ledger as ledger_module
from edge.shell.ledger import KEEP_ROWS, Ledger
from edge.shell.reserve import LEAVE_FREE_BYTES, MIB, Reserve

FIVE = datetime.fromisoformat("2026-11-24T17:00:00+07:00")
PLENTY = 10**9
WRITER = Path(__file__).with_name("writer.py")


class Card:
    """A card whose room is told, not measured."""

    def __init__(self, free_bytes: int = 1 << 30) -> None:
        self.free_bytes = free_bytes


@pytest.fixture
def card() -> Card:
    return Card()


@contextmanager
def opened(folder: Path, card: Card) -> Iterator[Ledger]:
    reserve = Reserve(folder / "ledger.reserve", size_bytes=MIB, free_bytes=lambda: card.free_bytes)
    ledger = Ledger(folder / "ledger.db", reserve=reserve)
    try:
        yield ledger
    finally:
        ledger.close()


def event(number: int = 0) -> EventRow:
    at = FIVE + timedelta(minutes=number)
    return EventRow(number=1, event=EventKind.SURGE, at=at, detail=str(number) + "x" * 500)


def grows_by(ledger: Ledger, pages: int) -> None:
    """The card has room for so many pages more."""
    count = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count={count + pages}")


def test_a_reserve_is_held_given_up_and_taken_again(tmp_path: Path) -> None:
    card = Card(free_bytes=0)
    reserve = Reserve(tmp_path / "r", size_bytes=MIB, free_bytes=lambda: card.free_bytes)
    reserve.take()
    assert not reserve.is_held, "there is no room for it"
    card.free_bytes = MIB + LEAVE_FREE_BYTES
    reserve.take()
    assert reserve.is_held
    assert (tmp_path / "r").stat().st_blocks * 512 >= MIB, "room, not a promise of it"
    assert [reserve.give_up(), reserve.give_up()] == [True, False]
    assert not reserve.is_held
    reserve.take_what_there_is()
    assert reserve.is_held


def test_the_ledger_holds_its_reserve_and_says_when_it_is_gone(tmp_path: Path, card: Card) -> None:
    with opened(tmp_path, card) as ledger:
        assert ledger._reserve.is_held
        grows_by(ledger, 0)
        card.free_bytes = 0
        for number in range(20):
            ledger.append(event(number))
        assert not ledger._reserve.is_held
        assert ledger.is_behind
        ledger._db.execute("PRAGMA max_page_count=100000")
        ledger.settle()
        assert not ledger.is_behind, "there is room for rows again"
        assert not ledger._reserve.is_held, "but not for the reserve"
        card.free_bytes = 1 << 30
        ledger.settle()
        assert ledger._reserve.is_held
        assert [row.number for row in ledger.rows_waiting(max_bytes=PLENTY)] == list(range(1, 21))


def test_room_is_made_of_what_the_hub_holds_oldest_first_and_the_newest_rows_stay(
    tmp_path: Path, card: Card
) -> None:
    with opened(tmp_path, card) as ledger:
        for number in range(1, 1001):
            ledger.append(event(number))
        assert ledger.acknowledge(ledger.epoch, 900)
        grows_by(ledger, 0)
        for number in range(1001, 1201):
            ledger.append(event(number))
        assert not ledger.is_behind, "the hub holds 900 rows: their room is enough"
        left = [row.number for row in all_rows(ledger)]
        assert left == list(range(left[0], 1201)), "none is missing but the oldest"
        assert 1 < left[0] <= 900 - KEEP_ROWS // 2
        assert ledger.waiting() == 300


def all_rows(ledger: Ledger) -> list[EventRow]:
    found = ledger._db.execute("SELECT number FROM journal ORDER BY number")
    return [EventRow(number=number, event=EventKind.SURGE, at=FIVE) for (number,) in found]


def test_rows_that_the_hub_does_not_hold_are_never_dropped_from_the_card(
    tmp_path: Path, card: Card
) -> None:
    with opened(tmp_path, card) as ledger:
        for number in range(1, 601):
            ledger.append(event(number))
        grows_by(ledger, 0)
        for number in range(601, 701):
            ledger.append(event(number))
        assert ledger.is_behind
        assert ledger.in_memory > 0
        assert ledger.waiting() == 700
        ledger._db.execute("PRAGMA max_page_count=100000")
        ledger.settle()
        assert [row.number for row in all_rows(ledger)] == list(range(1, 701))


def test_memory_is_bounded_and_a_row_counts_what_is_lost(
    tmp_path: Path, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "MOST_LATE", 50)
    with opened(tmp_path, card) as ledger:
        grows_by(ledger, 0)
        ledger._db.execute("PRAGMA query_only=ON")  # it takes nothing at all
        for number in range(1, 201):
            ledger.append(event(number))
        assert ledger.in_memory <= 50
        ledger._db.execute("PRAGMA query_only=OFF")
        ledger._db.execute("PRAGMA max_page_count=100000")
        ledger.settle()
        told, *kept = ledger.rows_waiting(max_bytes=PLENTY)
        assert isinstance(told, EventRow)
        assert told.detail == f"disk_full: {told.count} journal rows are lost"
        assert told.count + len(kept) == 200
        assert [row.number for row in (told, *kept)] == list(range(1, len(kept) + 2))
        assert isinstance(kept[-1], EventRow)
        assert kept[-1].detail.startswith("200"), "the newest stay"
        assert ledger.append(event()).number == len(kept) + 2


def no_room_for_the_index() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, 16_000))


def test_without_room_for_what_sqlite_keeps_beside_it_the_ledger_is_opened_all_the_same(
    tmp_path: Path, card: Card
) -> None:
    """The shared index is 32 KiB: no file may grow to that here."""
    with opened(tmp_path, card) as ledger:
        for number in range(1, 11):
            ledger.append(event(number))
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(tmp_path / "ledger.db")],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=no_room_for_the_index,  # noqa: PLW1509 - the limit is the test
    ) as writer:
        assert writer.stdout is not None
        for number in range(11, 200):
            assert writer.stdout.readline() == f"{number}\n", "it knows the rows of the card"
        writer.kill()
        writer.stdout.read()
    with opened(tmp_path, card) as ledger:
        assert ledger.rows_waiting(max_bytes=PLENTY)[9].number == 10
