from __future__ import annotations

import logging
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contract.ids import BulletinId, Sha256, SlotId
from contract.journal import EventKind, EventRow, ItemRow, Outcome, Reason
from contract.ports import ClockTrust
from edge.core.state import OpenItem
from edge.shell.ledger import KEEP_ACKNOWLEDGED, Ledger

FIVE = datetime.fromisoformat("2026-11-24T17:00:00+07:00")
WRITER = Path(__file__).with_name("writer.py")
PLENTY = 10**9


def surge(at: datetime = FIVE, detail: str = "") -> EventRow:
    return EventRow(number=1, event=EventKind.SURGE, at=at, detail=detail)


def item(at: datetime = FIVE) -> ItemRow:
    return ItemRow(
        number=1,
        slot=SlotId("s"),
        bulletin=BulletinId("b"),
        sha256=Sha256("0" * 64),
        planned_at=at,
        outcome=Outcome.COMPLETED,
        reason=Reason.PLANNED,
    )


def on_air() -> OpenItem:
    return OpenItem(
        slot=SlotId("s"),
        bulletin=BulletinId("b"),
        sha256=Sha256("0" * 64),
        planned_at=FIVE,
        begun_at=FIVE,
        started_at=FIVE,
        heard_until=FIVE,
        bulletin_at_ms=0,
        duration_ms=60_000,
        reason=Reason.PLANNED,
        volume_pct=80,
        clock_trust=ClockTrust.RTC,
        link_up=True,
        plan_version=1,
    )


def numbers(ledger: Ledger) -> list[int]:
    return [row.number for row in ledger.rows_waiting(max_bytes=PLENTY)]


@contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    ledger = Ledger(path)
    try:
        yield ledger
    finally:
        ledger.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def test_every_row_told_of_survives_a_kill(path: Path) -> None:
    told = acknowledged = 0
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, str(WRITER), str(path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for _ in range(random.randint(1, 60)):
                told = int(writer.stdout.readline())
            writer.kill()
            told = max([told, *map(int, writer.stdout.read().split("\n")[:-1])])
        with opened(path) as ledger:
            newest = acknowledged + ledger.waiting()
            assert newest >= told
            while acknowledged < newest:
                held = numbers(ledger)
                assert held == list(range(acknowledged + 1, held[-1] + 1))
                acknowledged = held[-1]
                assert ledger.acknowledge(ledger.epoch, acknowledged)
            assert ledger.waiting() == 0


class LedgerAgainstModel(RuleBasedStateMachine):
    """Numbers have no gap and mean one row each, over acknowledgements and new starts."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="loaxa-ledger-"))
        self.ledger = Ledger(self.folder / "ledger.db")
        self.epoch = self.ledger.epoch
        self.details: list[str] = []
        self.acknowledged = 0

    @rule(detail=st.text(max_size=5))
    def event(self, detail: str) -> None:
        self.details.append(detail)
        assert self.ledger.append(surge(detail=detail)).number == len(self.details)

    @rule()
    def item_is_heard_out(self) -> None:
        self.ledger.set_open(on_air())
        self.details.append("item")
        assert self.ledger.close_item(item()).number == len(self.details)
        assert self.ledger.open_item() is None

    @rule(up_to=st.integers(0, 30), is_ours=st.booleans())
    def hub_answers(self, up_to: int, is_ours: bool) -> None:
        moves = is_ours and self.acknowledged < up_to <= len(self.details)
        assert self.ledger.acknowledge(self.epoch if is_ours else "other", up_to) == moves
        self.acknowledged = up_to if moves else self.acknowledged

    @rule()
    def starts_again(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.folder / "ledger.db")

    @rule(days=st.integers(0, 200))
    def prunes(self, days: int) -> None:
        self.ledger.prune(FIVE + timedelta(days=days))

    @invariant()
    def what_waits_is_what_the_hub_does_not_hold(self) -> None:
        waiting = self.ledger.rows_waiting(max_bytes=PLENTY)
        assert self.ledger.epoch == self.epoch
        assert self.ledger.waiting() == len(waiting) == len(self.details) - self.acknowledged
        told = [getattr(row, "detail", "item") for row in waiting]
        assert told == self.details[self.acknowledged :]

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)


LedgerAgainstModel.TestCase.settings = settings(
    max_examples=15, stateful_step_count=15, deadline=None
)
TestLedgerAgainstModel = LedgerAgainstModel.TestCase


def test_a_batch_is_cut_at_its_size_but_never_empty(path: Path) -> None:
    with opened(path) as ledger:
        for _ in range(5):
            ledger.append(surge(detail="x" * 1000))
        assert [len(ledger.rows_waiting(max_bytes=size)) for size in (1, 2500, 100_000)] == [
            1,
            2,
            5,
        ]


def test_facts_last(path: Path) -> None:
    with opened(path) as ledger:
        ledger.accept_version(7)
        ledger.accept_version(3)
        ledger.set_watermark(FIVE)
        assert [ledger.add("surges", 2), ledger.add("surges", 3)] == [2, 5]
        ledger.set_open(on_air())
    with opened(path) as ledger:
        assert (ledger.accepted_version(), ledger.watermark(), ledger.count("surges")) == (
            7,
            FIVE,
            5,
        )
        assert ledger.open_item() == on_air()
        ledger.set_open(None)
        assert ledger.open_item() is None


def test_acknowledged_rows_are_kept_as_evidence_for_their_time(path: Path) -> None:
    with opened(path) as ledger:
        ledger.append(item())
        ledger.append(item(FIVE + timedelta(days=1)))
        ledger.prune(FIVE + KEEP_ACKNOWLEDGED * 2)
        assert len(ledger.closed_since(FIVE)) == 2, "not acknowledged yet"
        ledger.acknowledge(ledger.epoch, 2)
        ledger.prune(FIVE + KEEP_ACKNOWLEDGED + timedelta(hours=1))
        assert [row.number for row in ledger.closed_since(FIVE)] == [2]


@pytest.mark.parametrize("damage", [b"this is no database" * 100, b"\xff" * 5000])
def test_a_broken_file_is_set_aside_and_a_new_epoch_begins(path: Path, damage: bytes) -> None:
    with opened(path) as ledger:
        first = ledger.epoch
        ledger.append(surge())
    path.write_bytes(damage)
    with opened(path) as ledger:
        assert ledger.epoch != first
        assert ledger.append(surge()).number == 1
    assert path.with_name("ledger.db.broken-1").read_bytes() == damage


def test_a_page_gone_bad_inside_is_found_at_the_start(path: Path) -> None:
    with opened(path) as ledger:
        first = ledger.epoch
        for _ in range(200):
            ledger.append(surge(detail="x" * 100))
    raw = bytearray(path.read_bytes())
    raw[3 * 4096 : 4 * 4096] = b"\xaa" * 4096
    path.write_bytes(raw)
    with opened(path) as ledger:
        assert ledger.epoch != first


def test_a_locked_ledger_is_not_taken_for_a_broken_one(path: Path) -> None:
    with opened(path) as ledger:
        epoch = ledger.epoch
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA journal_mode=DELETE")
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            Ledger(path, patience_s=0.05)
        assert not path.with_name("ledger.db.broken-1").exists()
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    with opened(path) as ledger:
        assert ledger.epoch == epoch


def fill(ledger: Ledger) -> int:
    """Adds rows, as the agent would, far beyond what the card takes; how many the card took."""
    for number in range(1, 61):
        assert ledger.append(surge(detail="x" * 1000)).number == number
    return len(numbers(ledger))


@contextmanager
def full_card(ledger: Ledger) -> Iterator[None]:
    """The database may grow no more."""
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count={pages + 2}")
    try:
        yield
    finally:
        ledger._db.execute("PRAGMA max_page_count=100000")


def test_a_full_card_keeps_rows_in_memory_and_says_so_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(path) as ledger:
        with full_card(ledger):
            on_card = fill(ledger)
            assert on_card < 60
            ledger.set_open(on_air())
            assert ledger.open_item() == on_air()
            ledger.accept_version(5)
            assert ledger.accepted_version() == 5
            assert ledger.add("surges", 1) == 1
            ledger.prune(FIVE)
        assert [r.levelno for r in caplog.records if "takes no more" in r.message] == [
            logging.ERROR
        ]
        ledger.append(surge())
        assert numbers(ledger) == list(range(1, 62))
    with opened(path) as ledger:
        assert numbers(ledger) == list(range(1, 62))
        assert (ledger.accepted_version(), ledger.open_item()) == (5, on_air())


def test_power_lost_while_the_card_is_full_reuses_no_number_that_was_sent(path: Path) -> None:
    with opened(path) as ledger, full_card(ledger):
        sendable = fill(ledger)
    with opened(path) as ledger:
        assert ledger.append(surge()).number == sendable + 1


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_a_file_system_that_takes_no_more_does_not_end_the_writer(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(path)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=limit_file_size,  # noqa: PLW1509 - the limit is the test
    ) as writer:
        assert writer.stdout is not None
        for number in range(1, 400):
            assert writer.stdout.readline() == f"{number}\n"
        writer.kill()
        writer.stdout.read()
    with opened(path) as ledger:
        on_card = ledger.waiting()
        assert 0 < on_card < 399
        assert ledger.append(surge()).number == on_card + 1


def test_a_ledger_that_cannot_be_opened_at_all_is_in_memory_until_it_can(path: Path) -> None:
    path.mkdir()
    with opened(path) as ledger:
        assert ledger.is_behind
        ledger.append(surge(detail="in memory"))
        ledger.accept_version(4)
        first = ledger.batch_waiting(max_bytes=PLENTY)
        assert first is not None
        ledger.settle()
        assert ledger.is_behind
        assert path.is_dir()
        path.rmdir()
        ledger.settle()
        assert (ledger.is_behind, ledger.waiting(), ledger.accepted_version()) == (False, 1, 4)
        assert ledger.epoch != first.epoch
        assert ledger.batch_waiting(max_bytes=PLENTY) == first, "under the epoch it was sent with"
        ledger.append(surge(detail="on the card"))
    with opened(path) as ledger:
        assert ledger.acknowledge(first.epoch, 1)
        batch = ledger.batch_waiting(max_bytes=PLENTY)
        assert batch is not None
        assert [getattr(row, "detail", "") for row in batch.rows] == ["on the card"]


def test_a_torn_write_takes_no_row_with_it_that_was_told(tmp_path: Path) -> None:
    """The power goes while the next fact is being written: every page that this touched is lost, whole."""
    page = 4096
    path = tmp_path / "ledger.db"
    log = path.with_name("ledger.db-wal")
    row = EventRow(number=1, event=EventKind.SURGE, at=datetime(2026, 11, 24, tzinfo=UTC))
    ledger = Ledger(path)
    for number in range(1, 9):
        ledger.append(row)
        told = log.read_bytes()
        ledger.add("surges", 1)
        after = bytearray(log.read_bytes())
        for at in range(0, len(after), page):
            if after[at : at + page] != told[at : at + page]:
                after[at : at + page] = bytes(len(after[at : at + page]))
        left = tmp_path / f"{number}" / "ledger.db"
        left.parent.mkdir()
        shutil.copy(path, left)
        left.with_name("ledger.db-wal").write_bytes(after)
        again = Ledger(left)
        assert len(again.rows_waiting(max_bytes=1_000_000)) == number
        again.close()
    ledger.close()
