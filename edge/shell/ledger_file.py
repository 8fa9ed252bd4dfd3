"""The ledger's file: how it is opened, what its rows and facts look like, and how they prove to be whole."""

from __future__ import annotations

import sqlite3
import zlib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import msgspec
from msgspec import Struct

from contract.journal import EventKind, EventRow, ItemRow, JournalRow
from edge.shell.files import bring_leftovers

SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    epoch TEXT NOT NULL,
    number INTEGER NOT NULL,
    at TEXT NOT NULL,
    is_item INTEGER NOT NULL,
    body BLOB NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (epoch, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS journal_at ON journal (is_item, at);
CREATE TABLE IF NOT EXISTS filler (bytes BLOB NOT NULL);
"""
MARKS = "command_marks"
"""The fact that says which commands were obeyed."""
COLUMNS = "epoch, number, at, is_item, CAST(body AS BLOB), CAST(sum AS INTEGER)"
"""Of a `StoredRow`; a bad card may have made another type of any value."""
LOG_PAGES = 256
"""The write-ahead log is brought into the file when it has grown to this, 1 MiB: on a full card it takes room too."""
FORM = 2
"""Of the tables; a file with another one is no ledger of this program."""
HELD_BY_ANOTHER = ("SQLITE_BUSY", "SQLITE_LOCKED")
"""What SQLite says of a file that another process writes; its longer words begin with these."""


class StoredRow(Struct, frozen=True):
    """A journal row as it lies in the file."""

    epoch: str
    number: int
    at: str
    is_item: int
    body: bytes
    sum: int

    @property
    def is_whole(self) -> bool:
        """Whether it is what was once written."""
        return self.sum == _row_sum(self.epoch, self.number, self.at, self.body)

    def decode(self) -> JournalRow:
        """The row; one that is not whole is replaced by words that say so, under its number."""
        if self.is_whole:
            row: JournalRow = msgspec.json.decode(self.body, type=JournalRow)
            return row
        return lost_row(self.number, _instant_of(self.at))


def stored(epoch: str, row: JournalRow) -> StoredRow:
    """A row as it goes into the file."""
    at = utc(row.planned_at if isinstance(row, ItemRow) else row.at)
    body = msgspec.json.encode(row)
    total = _row_sum(epoch, row.number, at, body)
    return StoredRow(epoch, row.number, at, int(isinstance(row, ItemRow)), body, total)


def lost_row(number: int, at: datetime) -> EventRow:
    """Stands for a row that the card has lost: no number is left out, and nothing is made up."""
    return EventRow(
        number=number, event=EventKind.LEDGER_REPLACED, at=at, detail="a row is lost on the card"
    )


def acknowledged_of(epoch: str) -> str:
    """Name of the fact that says how far the hub holds an epoch."""
    return f"acknowledged.{epoch}"


def fact_sum(name: str, value: str) -> int:
    """What a fact's check sum must be."""
    return zlib.crc32(f"{name}\0{value}".encode())


def _row_sum(epoch: str, number: int, at: str, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(f"{epoch}\0{number}\0{at}\0".encode()))


def utc(at: datetime) -> str:
    """Sorts as text like the instants it stands for."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _instant_of(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return datetime.fromtimestamp(0, UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def open_on_card(path: Path, *, patience_s: float, alone: bool = False) -> sqlite3.Connection:
    """Opens the file, makes it when missing and looks whether it is whole.

    Args:
        path: The file.
        patience_s: With another process that writes.
        alone: Does without the shared index beside the file, for which a full card has no room; nobody else can read
            the ledger then.

    Raises:
        sqlite3.OperationalError: It is locked, forbidden, or the card has no room for what SQLite needs beside it.
        sqlite3.DatabaseError: It is broken.
    """
    bring_leftovers(path.parent, path.with_name(f"{path.name}-wal"))
    # psow=0: each transaction begins on a page of its own, so that a torn one takes none with it that was told.
    address = f"file:{quote(str(path.absolute()))}?psow=0"
    db = sqlite3.connect(
        address, uri=True, isolation_level=None, timeout=patience_s, check_same_thread=False
    )  # the card's thread writes, one at a time
    db.text_factory = readable
    try:
        if alone:
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        db.execute("PRAGMA secure_delete=OFF")  # Debian's SQLite writes zeros over what is deleted
        _check(db)
        make_tables(db)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def is_held_by_another(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is only locked."""
    return str(getattr(error, "sqlite_errorname", "")).startswith(HELD_BY_ANOTHER)


def readable(raw: bytes) -> str:
    """Text of the file, also where a bad card has made nonsense of it: that is told by its check sum."""
    return raw.decode(errors="replace")


def open_in_memory() -> sqlite3.Connection:
    """A ledger for a card that takes nothing at all, not even what opening needs; bounded."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("PRAGMA max_page_count=4096")  # 16 MiB
    make_tables(db)
    return db


def make_tables(db: sqlite3.Connection) -> None:
    """Makes the tables in a new file."""
    if db.execute("PRAGMA user_version").fetchone()[0] != FORM:
        db.executescript(f"BEGIN;{SCHEMA}PRAGMA user_version={FORM};COMMIT;")


def _check(db: sqlite3.Connection) -> None:
    verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
    form = db.execute("PRAGMA user_version").fetchone()[0]
    has_tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if has_tables and form != FORM:
        raise sqlite3.DatabaseError(f"its tables are of form {form}, not {FORM}")
