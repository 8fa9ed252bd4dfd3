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
from edge.core.clock_trust import ClockMemory
from edge.core.emergency import Emergency
from edge.core.obey import Marks
from edge.core.state import OpenItem
from edge.shell.files import is_damage, open_for_reading, set_aside

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
        patience_s: With another process that writes.
        read_only: Looks at a ledger that is there; makes, mends and writes nothing.
    """

    def __init__(self, path: Path, *, patience_s: float = 5.0, read_only: bool = False) -> None:
        self._path = path
        self._patience_s = patience_s
        self._late_rows: list[tuple[object, ...]] = []
        self._late_facts: dict[str, str | None] = {}
        self._riding: dict[str, str | None] = {}
        self._is_behind = False
        self._db = (
            open_for_reading(path, patience_s=patience_s) if read_only else self._open_whole()
        )
        self.epoch = self._fact("epoch") or ("" if read_only else self._new_epoch())
        self._acknowledged = int(self._fact("acknowledged") or 0)
        newest = self._db.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()[0]
        self._last = max(int(newest), self._acknowledged)

    def close(self) -> None:
        """Lets go of the file."""
        self._db.close()

    @property
    def is_behind(self) -> bool:
        """Whether the card takes nothing, and rows wait in memory."""
        return self._is_behind

    def _open_whole(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _open(self._path, self._patience_s)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            aside = set_aside(self._path)
            for extra in ("-wal", "-shm"):
                set_aside(self._path.with_name(self._path.name + extra))
            log.error("the ledger is broken (%s); set aside as %s, a new one starts", error, aside)
            return _open(self._path, self._patience_s)

    def _new_epoch(self) -> str:
        epoch = secrets.token_hex(4)
        self._save({"epoch": epoch})
        return epoch

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction: all of it is on the card afterwards, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full card ends it by itself
                self._db.execute("ROLLBACK")
            raise

    def _save(self, facts: dict[str, str | None], *rows: tuple[object, ...]) -> None:
        """Brings facts and rows to the card, in one step with those that it has not taken so far.

        A card that takes nothing (full, or failing) does not end the broadcast: what it should hold is kept in memory
        and tried again with the next change. Until then no row of it is sent, so that a number never means two things.
        """
        self._late_facts.update(self._riding | facts)
        self._riding.clear()
        self._late_rows += rows
        try:
            with self._writing():
                self._db.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", self._late_rows)
                for name, value in self._late_facts.items():
                    self._set_fact(name, value)
        except sqlite3.OperationalError as error:
            if not self._is_behind:
                log.error("the card takes no more (%s): journal rows wait in memory", error)
            self._is_behind = True
            return
        if self._is_behind:
            log.warning("the card takes journal rows again, %s waited", len(self._late_rows))
        self._is_behind = False
        self._late_facts.clear()
        self._late_rows.clear()

    def _fact(self, name: str) -> str | None:
        if name in self._late_facts:
            return self._late_facts[name]
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
        self._save({"plan_version": str(max(version, self.accepted_version()))})

    def watermark(self) -> datetime | None:
        """Planned starts before this have their row."""
        found = self._fact("watermark")
        return datetime.fromisoformat(found) if found else None

    def set_watermark(self, at: datetime) -> None:
        """Moves the watermark; where it was first set nothing was owed before."""
        facts: dict[str, str | None] = {"watermark": at.isoformat()}
        if self._fact("owed_since") is None:
            facts["owed_since"] = at.isoformat()
        self._save(facts)

    def owed_since(self) -> datetime | None:
        """No planned start before this was ever owed: where the watermark was first set."""
        found = self._fact("owed_since")
        return datetime.fromisoformat(found) if found else None

    def count(self, name: str) -> int:
        """A counter's value."""
        return int(self._fact(f"count.{name}") or 0)

    def add(self, name: str, number: int) -> int:
        """Raises a counter; returns its new value."""
        total = self.count(name) + number
        self._save({f"count.{name}": str(total)})
        return total

    # The clock

    def clock_memory(self) -> ClockMemory | None:
        """What is remembered of the clock; None: nothing yet, or nothing that can be read."""
        found = self._fact("clock")
        try:
            return msgspec.json.decode(found, type=ClockMemory) if found else None
        except msgspec.MsgspecError:
            return None

    def ride_clock(self, memory: ClockMemory) -> None:
        """Remembers the clock with the next write that happens anyway; causes none."""
        self._riding["clock"] = msgspec.json.encode(memory).decode()

    def save_clock(self, memory: ClockMemory) -> None:
        """Remembers the clock at once."""
        self.ride_clock(memory)
        self._save({})

    # The item on air

    def open_item(self) -> OpenItem | None:
        """The item that was on air when the ledger was last written."""
        found = self._fact("open")
        return msgspec.json.decode(found, type=OpenItem) if found else None

    def set_open(self, item: OpenItem | None) -> None:
        """Remembers what is on air."""
        self._save({"open": msgspec.json.encode(item).decode() if item else None})

    def close_item(self, row: ItemRow) -> ItemRow:
        """Writes the row of the item on air and forgets that it is on air, in one step."""
        return self._number_and_save(row, {"open": None})

    # Commands and emergencies

    def marks(self) -> Marks:
        """Which commands were obeyed; not whole in a ledger that has never known."""
        found = self._fact("command_marks")
        return msgspec.json.decode(found, type=Marks) if found else Marks(are_whole=False)

    def emergencies(self) -> tuple[Emergency, ...]:
        """Emergencies taken and not over."""
        found = self._fact("emergencies")
        return msgspec.json.decode(found, type=tuple[Emergency, ...]) if found else ()

    def obey(self, marks: Marks | None, queue: tuple[Emergency, ...]) -> None:
        """Remembers a command and what it leads to, in one step, before anything is done on account of it."""
        facts = _emergency_facts(queue)
        if marks is not None:
            facts["command_marks"] = msgspec.json.encode(marks).decode()
        self._save(facts)

    def end_emergency(self, row: ItemRow, queue: tuple[Emergency, ...]) -> ItemRow:
        """Writes the row of an emergency and what is left of the queue, in one step."""
        return self._number_and_save(row, _emergency_facts(queue))

    # The journal

    def append(self, row: Row) -> Row:
        """Writes a row under the next number; returns it with that number."""
        return self._number_and_save(row, {})

    def _number_and_save(self, row: Row, facts: dict[str, str | None]) -> Row:
        numbered = replace(row, number=self._last + 1)
        at = row.planned_at if isinstance(row, ItemRow) else row.at
        values = (
            numbered.number,
            _utc(at),
            isinstance(row, ItemRow),
            msgspec.json.encode(numbered),
        )
        self._last = numbered.number
        self._save(facts, values)
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

    def held_from(self) -> int:
        """The oldest row that is still here; the next one's number when there is none."""
        (on_card,) = self._db.execute("SELECT min(number) FROM journal").fetchone()
        in_memory = (row[0] for row in self._late_rows[:1])
        return min((int(str(one)) for one in (on_card, *in_memory) if one), default=self._last + 1)

    def acknowledge(self, epoch: str, up_to: int) -> bool:
        """The hub holds every row up to `up_to` of this epoch; whether that is news.

        Less than before is news too: the hub was put back from an old backup, and gets again what is still here.
        """
        if epoch != self.epoch or up_to > self._last:
            return False
        if up_to < self._acknowledged:
            up_to = min(self._acknowledged, max(up_to, self.held_from() - 1))
        if up_to == self._acknowledged:
            return False
        if up_to < self._acknowledged:
            log.warning("the hub has forgotten journal rows above %s; they are sent again", up_to)
        self._save({"acknowledged": str(up_to)})
        self._acknowledged = up_to
        return True

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
        try:
            with self._writing():
                self._db.execute(
                    "DELETE FROM journal WHERE number <= ? AND at < ?", (self._acknowledged, oldest)
                )
        except sqlite3.OperationalError as error:
            log.debug("old rows stay: %s", error)


def _open(path: Path, patience_s: float) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=patience_s)
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


def _emergency_facts(queue: tuple[Emergency, ...]) -> dict[str, str | None]:
    return {"emergencies": msgspec.json.encode(queue).decode() if queue else None}


def _utc(at: datetime) -> str:
    """Sorts as text like the instants it stands for."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
