"""The ledger: what must survive a power cut. Accepted plan version, journal rows, the item on air.

One small SQLite file, WAL with `synchronous=FULL`: a row is on the card before anything is done on account of it. A
ledger that is broken is set aside and a new one starts, with a new epoch, so that its row numbers are never taken for
the old one's.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from contract.journal import EventRow, ItemRow, JournalRow
from edge.core.state import OpenItem
from edge.shell.files import set_aside

log = logging.getLogger(__name__)

Row = TypeVar("Row", ItemRow, EventRow)

KEEP_ACKNOWLEDGED = timedelta(days=90)
SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    is_item INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS journal_at ON journal (is_item, at);
"""


class Ledger:
    """The ledger file. Calls are short and made from the loop's thread.

    Args:
        path: The file; its folder is made when missing.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._db = self._open_whole()
        self.epoch = self._fact("epoch") or self._new_epoch()
        self._acknowledged = int(self._fact("acknowledged") or 0)
        newest = self._db.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()[0]
        self._last = max(int(newest), self._acknowledged)

    def close(self) -> None:
        """Lets go of the file."""
        self._db.close()

    def _open_whole(self) -> sqlite3.Connection:
        try:
            return _open(self._path)
        except sqlite3.DatabaseError as error:
            aside = set_aside(self._path)
            for extra in ("-wal", "-shm"):
                set_aside(self._path.with_name(self._path.name + extra))
            log.error("the ledger is broken (%s); set aside as %s, a new one starts", error, aside)
            return _open(self._path)

    def _new_epoch(self) -> str:
        epoch = secrets.token_hex(4)
        with self._writing():
            self._set_fact("epoch", epoch)
        return epoch

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction: all of it is on the card afterwards, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _fact(self, name: str) -> str | None:
        found = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else None

    def _set_fact(self, name: str, value: str | None) -> None:
        if value is None:
            self._db.execute("DELETE FROM fact WHERE name = ?", (name,))
        else:
            self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    # Plan and counters

    def accepted_version(self) -> int:
        """The highest plan version that was taken; 0 before the first."""
        return int(self._fact("plan_version") or 0)

    def accept_version(self, version: int) -> None:
        """Remembers a plan version; it never falls."""
        with self._writing():
            self._set_fact("plan_version", str(max(version, self.accepted_version())))

    def watermark(self) -> datetime | None:
        """Planned starts before this have their row."""
        found = self._fact("watermark")
        return datetime.fromisoformat(found) if found else None

    def set_watermark(self, at: datetime) -> None:
        """Moves the watermark."""
        with self._writing():
            self._set_fact("watermark", at.isoformat())

    def count(self, name: str) -> int:
        """A counter's value."""
        return int(self._fact(f"count.{name}") or 0)

    def add(self, name: str, number: int) -> int:
        """Raises a counter; returns its new value."""
        with self._writing():
            total = self.count(name) + number
            self._set_fact(f"count.{name}", str(total))
        return total

    # The item on air

    def open_item(self) -> OpenItem | None:
        """The item that was on air when the ledger was last written."""
        found = self._fact("open")
        return msgspec.json.decode(found, type=OpenItem) if found else None

    def set_open(self, item: OpenItem | None) -> None:
        """Remembers what is on air."""
        with self._writing():
            self._set_fact("open", msgspec.json.encode(item).decode() if item else None)

    def close_item(self, row: ItemRow) -> ItemRow:
        """Writes the row of the item on air and forgets that it is on air, in one step."""
        with self._writing():
            numbered = self._insert(row)
            self._set_fact("open", None)
        self._last = numbered.number
        return numbered

    # The journal

    def append(self, row: Row) -> Row:
        """Writes a row under the next number; returns it with that number."""
        with self._writing():
            numbered = self._insert(row)
        self._last = numbered.number
        return numbered

    def _insert(self, row: Row) -> Row:
        numbered = replace(row, number=self._last + 1)
        at = row.planned_at if isinstance(row, ItemRow) else row.at
        values = (
            numbered.number,
            _utc(at),
            isinstance(row, ItemRow),
            msgspec.json.encode(numbered),
        )
        self._db.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", values)
        return numbered

    def rows_waiting(self, *, max_bytes: int) -> list[JournalRow]:
        """Rows that the hub has not acknowledged, oldest first, as many as fit."""
        found = self._db.execute(
            "SELECT body FROM journal WHERE number > ? ORDER BY number LIMIT 200",
            (self._acknowledged,),
        )
        rows: list[JournalRow] = []
        used = 0
        for (body,) in found:
            used += len(body)
            if rows and used > max_bytes:
                break
            rows.append(msgspec.json.decode(body, type=JournalRow))
        return rows

    def acknowledge(self, epoch: str, up_to: int) -> None:
        """The hub holds every row up to `up_to` of this epoch."""
        if epoch != self.epoch or up_to <= self._acknowledged or up_to > self._last:
            return
        with self._writing():
            self._set_fact("acknowledged", str(up_to))
        self._acknowledged = up_to

    def waiting(self) -> int:
        """Rows that the hub has not acknowledged."""
        return self._last - self._acknowledged

    def closed_since(self, at: datetime) -> list[ItemRow]:
        """Rows of items planned at or after an instant, earliest first."""
        found = self._db.execute(
            "SELECT body FROM journal WHERE is_item AND at >= ? ORDER BY at", (_utc(at),)
        )
        return [msgspec.json.decode(body, type=ItemRow) for (body,) in found]

    def prune(self, now: datetime) -> None:
        """Forgets acknowledged rows that are older than their time as evidence."""
        oldest = _utc(now - KEEP_ACKNOWLEDGED)
        with self._writing():
            self._db.execute(
                "DELETE FROM journal WHERE number <= ? AND at < ?", (self._acknowledged, oldest)
            )


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        _check(db)
        db.executescript(SCHEMA)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _check(db: sqlite3.Connection) -> None:
    verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _utc(at: datetime) -> str:
    """Sorts as text like the instants it stands for."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
