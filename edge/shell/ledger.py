"""The ledger: what must survive a power cut. Accepted plan version, journal rows, the item on air.

One small SQLite file, WAL with `synchronous=FULL`: a row is on the card before anything is done on account of it. A
ledger that is broken is set aside and a new one starts, with a new epoch, so that its row numbers are never taken for
the old one's; what verifies of the old one is carried over, rows under their old epoch, so that the hub stores each
once. One that has lost its end, which SQLite does not notice, is told by the mark of what was sent, and leaves its
epoch too. On a full card it lives on room that was held in reserve, then on that of acknowledged rows, then in memory.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from contract.fault import FaultCode
from contract.journal import EventKind, EventRow, ItemRow, JournalBatch, JournalRow
from edge.core.clock_trust import ClockMemory
from edge.core.emergency import Emergency
from edge.core.obey import Marks
from edge.core.state import OpenItem
from edge.shell.card_thread import HOLD_S, CardThread, Piece
from edge.shell.files import make_folder, open_for_reading
from edge.shell.ledger_file import (
    COLUMNS,
    MARKS,
    StoredRow,
    acknowledged_of,
    fact_sum,
    readable,
    stored,
    utc,
)
from edge.shell.ledger_opening import EMERGENCIES, REPLACED, Footing, Opened, Opener, merge
from edge.shell.reserve import Reserve
from edge.shell.sent_mark import SentMark

log = logging.getLogger(__name__)

Row = TypeVar("Row", ItemRow, EventRow)

KEEP_ACKNOWLEDGED = timedelta(days=90)
KEEP_ROWS = 400
"""So many acknowledged rows stay even on a full card: what was heard in the last days is not to sound again."""
MOST_LATE = 5000
"""So many rows wait in memory, 3 MiB or so; beyond it the oldest tenth is replaced by one row that counts it."""
PIECE_BYTES = 512 * 1024
"""The file takes half of the reserve's room in such pieces when it is given up, before another program does; the
write-ahead log takes some of the other half."""
LEAVE_S = 10.0
"""At an orderly end the card gets so long for what is on its way: systemd waits 20 s."""


class Flight(Struct, frozen=True):
    """What is on its way to the card."""

    piece: Piece
    rows: tuple[JournalRow, ...]
    facts: dict[str, str | None]

    def __str__(self) -> str:
        return f"{len(self.rows)} rows"


class Ledger:
    """The ledger file. Calls are short and made from the loop's thread.

    Args:
        path: The file; its folder is made when missing.
        patience_s: With another process that writes.
        read_only: Looks at a ledger that is there; makes, mends and writes nothing.
        reserve: Room held for it; None: a file beside it.
        card: Writes in the loop's place, which goes on after `HOLD_S` whatever the card does; None: every write waits
            for the card.
    """

    def __init__(
        self,
        path: Path,
        *,
        patience_s: float = 5.0,
        read_only: bool = False,
        reserve: Reserve | None = None,
        card: CardThread | None = None,
    ) -> None:
        self._path, self._patience_s, self._card = path, patience_s, card
        self._flight: Flight | None = None
        self._is_slow = False
        self._last_write_ms: float | None = None
        self._reserve = reserve or Reserve(path.with_suffix(".reserve"))
        self._opener = Opener(path, patience_s=patience_s, reserve=self._reserve)
        self._sent = SentMark(path.with_suffix(".sent"), card)
        self.epoch = ""
        self._late_rows: list[JournalRow] = []
        self._late_facts: dict[str, str | None] = {}
        self._riding: dict[str, str | None] = {}
        self._lost_late = 0
        self._is_behind = False
        self._is_read_only = read_only
        if read_only:
            self._stand_on(Opened(open_for_reading(path, patience_s=patience_s), Footing.CARD))
            return
        make_folder(path.parent)
        self._stand_on(self._opener.open())
        if self._footing is Footing.CARD:
            self._reserve.take()

    def _stand_on(self, opened: Opened) -> None:
        self._db, self._footing = opened.db, opened.footing
        self._reader = self._db
        if self._card is not None and self._footing is Footing.CARD:
            # What reads does not wait for what the thread is writing.
            self._reader = open_for_reading(self._path, patience_s=self._patience_s)
            self._reader.text_factory = readable
        self._late_facts.pop("epoch", None)
        self.epoch = self._fact("epoch") or ("" if self._is_read_only else self._new_epoch())
        self._acknowledged = self._acknowledged_of(self.epoch)
        self._last = max(self._newest_of(self.epoch), self._acknowledged)
        if not self._is_read_only:
            self._leave_epoch_that_fell_back()
        self._number_late_rows(self._last + 1)
        self._carried = {} if self._is_read_only else self._count_carried()

    def _leave_epoch_that_fell_back(self) -> None:
        """The card has lost the end of the ledger, rows that were sent among it: their numbers are not given again.

        What was on air and which commands were obeyed is of an earlier moment too, and not believed.
        """
        epoch, sent = self._sent.read()
        if epoch != self.epoch or sent <= self._last:
            return
        words = f"rows {self._last + 1} to {sent} had been sent and are lost on the card"
        log.error("the ledger has lost its end: %s; a new epoch begins", words)
        self.epoch = secrets.token_hex(4)
        self._save({"epoch": self.epoch, REPLACED: words, "open": None, MARKS: None})
        self._acknowledged = self._last = 0

    def close(self) -> None:
        """Lets go of the file, once the card has taken what is on its way; after `LEAVE_S` without it."""
        if self._flight is not None:
            if not self._flight.piece.comes(LEAVE_S):
                log.error(
                    "the card is still writing; what it has not taken is lost: %s", self._flight
                )
                return
            self._card = None
            self._save({})
        self._close_file()
        if not self._is_read_only and self._footing is not Footing.MEMORY:
            self._reserve.take_what_there_is()

    def _close_file(self) -> None:
        if self._reader is not self._db:
            self._reader.close()
        self._db.close()

    @property
    def write_ms(self) -> float | None:
        """How long the card is at what it writes now, or was at the last; None: not known."""
        return self._flight.piece.took_ms if self._flight is not None else self._last_write_ms

    def catch_up(self) -> bool:
        """Takes note of what the card has finished meanwhile, and brings what came since; whether there was any."""
        if self._flight is None or not self._flight.piece.is_done:
            return self._sent.is_answered
        self._save({})
        return True

    @property
    def is_behind(self) -> bool:
        """Whether the card takes nothing, and rows wait in memory."""
        return self._is_behind or self._footing is Footing.MEMORY

    @property
    def card_is_full(self) -> bool:
        """Whether the card has no room, or next to none, for what the journal needs."""
        return self.is_behind or not self._reserve.is_held or self._reserve.is_tight

    @property
    def in_memory(self) -> int:
        """Rows that are not on the card."""
        if self._footing is Footing.MEMORY:
            return self.waiting()
        return len(self._late_rows)

    def settle(self) -> None:
        """Looks whether the card takes what waits, and whether the reserve can be held again."""
        self.catch_up()
        if self._flight is not None:
            return
        if self._footing is not Footing.CARD:
            self._return_to_card()
        if self._is_behind:
            self._save({})
        if self._footing is Footing.CARD and not self._is_behind:
            self._reserve.take()

    def _return_to_card(self) -> None:
        if self._footing is Footing.CARD_ALONE:
            self._close_file()
            self._stand_on(self._opener.open())
            return
        try:
            opened = self._opener.open_on_card()
        except sqlite3.DatabaseError as error:
            log.debug("the ledger stays in memory: %s", error)
            return
        try:
            merge(self._db, opened.db)
        except sqlite3.DatabaseError as error:
            opened.db.close()
            log.debug("the ledger stays in memory: %s", error)
            return
        log.warning("the card takes the ledger again")
        self._close_file()
        self._stand_on(opened)

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

    # Writing, whatever the card says

    def _save(self, facts: dict[str, str | None], *rows: JournalRow) -> None:
        """Brings facts and rows to the card, in one step with those that it has not taken so far.

        A card that takes nothing (full, or failing) does not end the broadcast: what it should hold is kept in memory
        and tried again with the next change. Until then no row of it is sent, so that a number never means two things.
        """
        self._late_facts.update(self._riding | facts)
        self._riding.clear()
        self._late_rows += rows
        error = self._bring()
        for make_room in (self._use_reserve, self._drop_acknowledged):
            if error is not None and _is_full(error) and make_room():
                error = self._bring()
        if error is None:
            return
        if not self._is_behind:
            log.error("the card takes no more (%s): journal rows wait in memory", error)
        self._is_behind = True
        self._bound_late()

    def _bring(self) -> sqlite3.OperationalError | None:
        """What the card says to all that waits; None: it has taken it, or is still at it."""
        while True:
            flight = self._flight or self._send_off()
            self._flight = flight
            if not flight.piece.comes(0.0 if self._is_slow else HOLD_S):
                if not self._is_slow:
                    log.error("the card is slow: journal rows wait in memory")
                self._is_slow = True
                return None
            self._flight = None
            self._last_write_ms = flight.piece.took_ms
            if isinstance(flight.piece.error, sqlite3.OperationalError):
                return flight.piece.error
            if flight.piece.error is not None:
                raise flight.piece.error
            self._land(flight)
            if not self._late_rows and not self._late_facts:
                return None

    def _send_off(self) -> Flight:
        """All that waits, on its way to the card."""
        rows, facts = tuple(self._late_rows), dict(self._late_facts)
        work = partial(self._write, self.epoch, rows, facts)
        if self._card is not None and self._footing is Footing.CARD:
            return Flight(self._card.start(work), rows, facts)
        piece = Piece(work, lambda: 0)
        piece.do()
        return Flight(piece, rows, facts)

    def _write(
        self, epoch: str, rows: tuple[JournalRow, ...], facts: dict[str, str | None]
    ) -> None:
        with self._writing():
            for row in rows:
                self._insert(stored(epoch, row))
            for name, value in facts.items():
                self._set_fact(name, value)

    def _land(self, flight: Flight) -> None:
        """The card has it: it waits no more. What came meanwhile does."""
        if self._is_behind:
            log.warning("the card takes journal rows again, %s waited", len(flight.rows))
        if self._is_slow and flight.piece.took_ms < HOLD_S * 1000:
            log.warning("the card is as quick as before")
            self._is_slow = False
        self._is_behind = False
        self._lost_late = 0
        del self._late_rows[: len(flight.rows)]
        for name, value in flight.facts.items():
            if name in self._late_facts and self._late_facts[name] == value:
                del self._late_facts[name]

    def _insert(self, row: StoredRow) -> None:
        values = (row.epoch, row.number, row.at, row.is_item, row.body, row.sum)
        self._db.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", values)

    def _use_reserve(self) -> bool:
        """Gives the reserve up, and takes a good part of its room for the file at once."""
        if not self._reserve.give_up():
            return False
        log.error("the card is full: the journal lives on the room that was held for it")
        try:
            for _ in range(self._reserve.size_bytes // (2 * PIECE_BYTES)):
                with self._writing():
                    self._db.execute("INSERT INTO filler VALUES (zeroblob(?))", (PIECE_BYTES,))
        except sqlite3.OperationalError as error:
            log.debug("not all of the reserve was to be had: %s", error)
        with suppress(sqlite3.OperationalError), self._writing():
            self._db.execute("DELETE FROM filler")
        return True

    def _drop_acknowledged(self) -> bool:
        """Makes room of the older half of the rows that the hub holds; whether there were any."""
        dropped = 0
        try:
            with self._writing():
                for epoch in (*self._carried, self.epoch):
                    dropped += self._drop_older_half(epoch)
        except sqlite3.OperationalError as error:
            log.debug("old rows stay: %s", error)
            return False
        return dropped > 0

    def _drop_older_half(self, epoch: str) -> int:
        acknowledged = self._acknowledged_of(epoch)
        last = self._last if epoch == self.epoch else self._newest_of(epoch)
        upper = min(acknowledged, last - KEEP_ROWS)
        lowest = self._db.execute(
            "SELECT coalesce(min(number), 0) FROM journal WHERE epoch = ?", (epoch,)
        ).fetchone()[0]
        if lowest > upper:
            return 0
        middle = (lowest + upper) // 2
        return self._db.execute(
            "DELETE FROM journal WHERE epoch = ? AND number <= ?", (epoch, middle)
        ).rowcount

    def _bound_late(self) -> None:
        """Nothing of it was sent, so what is left takes the numbers anew, behind the row that counts the lost."""
        if len(self._late_rows) <= MOST_LATE:
            return
        first = self._late_rows[0].number
        lost, kept = self._late_rows[: MOST_LATE // 10], self._late_rows[MOST_LATE // 10 :]
        self._lost_late += len(lost) - (self._lost_late > 0)
        last = lost[-1]
        told = EventRow(
            number=first,
            event=EventKind.FAULT,
            at=last.planned_at if isinstance(last, ItemRow) else last.at,
            clock_trust=last.clock_trust,
            detail=f"{FaultCode.DISK_FULL}: {self._lost_late} journal rows are lost",
            count=self._lost_late,
        )
        self._late_rows = [told, *kept]
        self._number_late_rows(first)

    def _number_late_rows(self, first: int) -> None:
        """They were never sent: their numbers are still free."""
        self._late_rows = [
            replace(row, number=first + index) for index, row in enumerate(self._late_rows)
        ]
        if self._late_rows:
            self._last = self._late_rows[-1].number

    # Facts

    def _fact(self, name: str) -> str | None:
        if name in self._late_facts:
            return self._late_facts[name]
        found = self._reader.execute(
            "SELECT value, sum FROM fact WHERE name = ?", (name,)
        ).fetchone()
        return str(found[0]) if found and fact_sum(name, str(found[0])) == found[1] else None

    def _set_fact(self, name: str, value: str | None) -> None:
        if value is None:
            self._db.execute("DELETE FROM fact WHERE name = ?", (name,))
        else:
            self._db.execute(
                "INSERT OR REPLACE INTO fact VALUES (?, ?, ?)", (name, value, fact_sum(name, value))
            )

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

    # Fetching

    def fetched(self) -> dict[str, int]:
        """Bytes of sounds fetched, by local month (2026-11)."""
        found = self._fact("fetched")
        return msgspec.json.decode(found, type=dict[str, int]) if found else {}

    def set_fetched(self, by_month: dict[str, int]) -> None:
        """Remembers what was fetched."""
        self._save({"fetched": msgspec.json.encode(by_month).decode()})

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
        found = self._fact(MARKS)
        return msgspec.json.decode(found, type=Marks) if found else Marks(are_whole=False)

    def emergencies(self) -> tuple[Emergency, ...]:
        """Emergencies taken and not over."""
        found = self._fact(EMERGENCIES)
        return msgspec.json.decode(found, type=tuple[Emergency, ...]) if found else ()

    def obey(self, marks: Marks | None, queue: tuple[Emergency, ...]) -> None:
        """Remembers a command and what it leads to, in one step, before anything is done on account of it."""
        facts = _emergency_facts(queue)
        if marks is not None:
            facts[MARKS] = msgspec.json.encode(marks).decode()
        self._save(facts)

    def end_emergency(self, row: ItemRow, queue: tuple[Emergency, ...]) -> ItemRow:
        """Writes the row of an emergency and what is left of the queue, in one step."""
        return self._number_and_save(row, _emergency_facts(queue))

    # A ledger that took another's place

    @property
    def replaced(self) -> str:
        """Why this ledger took a broken one's place, until that has its row; empty: it did not."""
        return self._fact(REPLACED) or ""

    @property
    def is_replacement_unread(self) -> bool:
        """Whether the hub has yet to take the row that says so."""
        return int(self._fact("replaced_row") or 0) > self._acknowledged

    def tell_replaced(self, row: EventRow) -> None:
        """Writes the row about it."""
        self._number_and_save(row, {REPLACED: None, "replaced_row": str(self._last + 1)})

    # The journal

    def append(self, row: Row) -> Row:
        """Writes a row under the next number; returns it with that number."""
        return self._number_and_save(row, {})

    def _number_and_save(self, row: Row, facts: dict[str, str | None]) -> Row:
        numbered = replace(row, number=self._last + 1)
        self._last = numbered.number
        self._save(facts, numbered)
        return numbered

    def batch_waiting(self, *, max_bytes: int) -> JournalBatch | None:
        """Rows that the hub has not acknowledged, oldest first, as many as fit; those of a replaced ledger first."""
        for epoch in (*self._carried, self.epoch):
            if rows := self._rows_of(epoch, max_bytes):
                return JournalBatch(epoch=epoch, rows=tuple(rows), held_from=self.held_from(epoch))
        return None

    def going_out(self, batch: JournalBatch) -> bool:
        """Remembers, outside the ledger, that the hub may have seen these rows from now on.

        Returns:
            Whether they may go out; on a slow card not yet: `catch_up` says when to ask again.
        """
        if batch.epoch != self.epoch:
            return True
        patience_s = 0.0 if self._is_slow else HOLD_S
        return self._sent.raise_to(batch.epoch, batch.rows[-1].number, patience_s)

    def rows_waiting(self, *, max_bytes: int) -> list[JournalRow]:
        """Rows of this epoch that the hub has not acknowledged, oldest first, as many as fit."""
        return self._rows_of(self.epoch, max_bytes)

    def _rows_of(self, epoch: str, max_bytes: int) -> list[JournalRow]:
        found = self._reader.execute(
            f"SELECT {COLUMNS} FROM journal WHERE epoch = ? AND number > ? ORDER BY number LIMIT 200",  # noqa: S608 - a constant
            (epoch, self._acknowledged_of(epoch)),
        )
        rows: list[JournalRow] = []
        used = 0
        for values in found:
            row = StoredRow(*values)
            used += len(row.body)
            if rows and used > max_bytes:
                break
            rows.append(row.decode())
        return rows

    def held_from(self, epoch: str | None = None) -> int:
        """The oldest row of an epoch (None: this one) that is still here; the next one's number when there is none."""
        epoch = epoch or self.epoch
        (on_card,) = self._reader.execute(
            "SELECT min(number) FROM journal WHERE epoch = ?", (epoch,)
        ).fetchone()
        if on_card:
            return int(on_card)
        if epoch != self.epoch:
            return self._acknowledged_of(epoch) + 1
        return self._late_rows[0].number if self._late_rows else self._last + 1

    def acknowledge(self, epoch: str, up_to: int) -> bool:
        """The hub holds every row up to `up_to` of an epoch; whether that is news.

        Less than before is news too: the hub was put back from an old backup, and gets again what is still here.
        """
        if epoch == self.epoch:
            last = self._last
        elif epoch in self._carried:
            last = self._newest_of(epoch)
            up_to = min(up_to, last)  # the hub may hold rows that the card has lost
        else:
            return False
        if up_to > last:
            return False
        known = self._acknowledged_of(epoch)
        if up_to < known:
            up_to = min(known, max(up_to, self.held_from(epoch) - 1))
        if up_to == known:
            return False
        if up_to < known:
            log.warning("the hub has forgotten journal rows above %s; they are sent again", up_to)
        self._save({acknowledged_of(epoch): str(up_to)})
        self._acknowledged = self._acknowledged_of(self.epoch)
        if epoch != self.epoch:
            self._carried = self._count_carried()
        return True

    def waiting(self) -> int:
        """Rows that the hub has not acknowledged."""
        return self._last - self._acknowledged + sum(self._carried.values())

    def _acknowledged_of(self, epoch: str) -> int:
        return int(self._fact(acknowledged_of(epoch)) or 0)

    def _newest_of(self, epoch: str) -> int:
        found = self._reader.execute(
            "SELECT coalesce(max(number), 0) FROM journal WHERE epoch = ?", (epoch,)
        )
        return int(found.fetchone()[0])

    def _count_carried(self) -> dict[str, int]:
        """Epochs of ledgers before this one, each with how many rows of it wait."""
        epochs = self._reader.execute(
            "SELECT DISTINCT epoch FROM journal ORDER BY epoch"
        ).fetchall()
        return {
            epoch: self._reader.execute(
                "SELECT count(*) FROM journal WHERE epoch = ? AND number > ?",
                (epoch, self._acknowledged_of(epoch)),
            ).fetchone()[0]
            for (epoch,) in epochs
            if epoch != self.epoch
        }

    def closed_since(self, at: datetime) -> list[ItemRow]:
        """Rows of items planned at or after an instant, earliest first."""
        found = self._reader.execute(
            f"SELECT {COLUMNS} FROM journal WHERE is_item AND at >= ? ORDER BY at",  # noqa: S608 - a constant
            (utc(at),),
        )
        rows = [StoredRow(*values).decode() for values in found]
        return [row for row in rows if isinstance(row, ItemRow)]

    def prune(self, now: datetime) -> None:
        """Forgets acknowledged rows that are older than their time as evidence; not now on a card that is slow."""
        if self._flight is not None or self._is_slow:
            return
        oldest = utc(now - KEEP_ACKNOWLEDGED)
        try:
            with self._writing():
                for epoch in (*self._carried, self.epoch):
                    self._db.execute(
                        "DELETE FROM journal WHERE epoch = ? AND number <= ? AND at < ?",
                        (epoch, self._acknowledged_of(epoch), oldest),
                    )
        except sqlite3.OperationalError as error:
            log.debug("old rows stay: %s", error)


def _emergency_facts(queue: tuple[Emergency, ...]) -> dict[str, str | None]:
    return {EMERGENCIES: msgspec.json.encode(queue).decode() if queue else None}


def _is_full(error: sqlite3.OperationalError) -> bool:
    return getattr(error, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")
