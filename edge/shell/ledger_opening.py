"""Getting at a ledger whatever the card is like: whole, broken, full or unwritable. The agent starts in every case."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from enum import Enum, auto
from pathlib import Path

from msgspec import Struct

from edge.shell.files import is_damage, set_aside
from edge.shell.ledger_file import (
    acknowledged_of,
    fact_sum,
    is_held_by_another,
    open_in_memory,
    open_on_card,
)
from edge.shell.reserve import Reserve
from edge.shell.salvage import Remains, read_remains, remains_of

log = logging.getLogger(__name__)

NEVER_FALLS = ("plan_version", acknowledged_of(""), "count.", "watermark")
"""Facts of which the higher value holds when two ledgers become one; names begin so."""
REPLACED = "replaced"
"""The fact that says why a new ledger began, until its row is written."""
EMERGENCIES = "emergencies"
"""The fact that says which emergencies are not over; missing: none is."""
ENDS = ("open", EMERGENCIES, REPLACED)
"""Facts that are gone once they are over: what ended in memory does not come back with the card."""


class Footing(Enum):
    """What a ledger stands on."""

    CARD = auto()
    CARD_ALONE = auto()
    """On the card, but nobody else can read it: there was no room for the shared index."""
    MEMORY = auto()


class Opened(Struct, frozen=True):
    """An open ledger."""

    db: sqlite3.Connection
    footing: Footing


class Opener:
    """Opens one ledger.

    Args:
        path: The file; its folder is made when missing.
        patience_s: With another process that writes.
        reserve: Is given up when the card has no room.
    """

    def __init__(self, path: Path, *, patience_s: float, reserve: Reserve) -> None:
        self._path = path
        self._patience_s = patience_s
        self._reserve = reserve

    def open(self) -> Opened:
        """The ledger, on the best footing that there is.

        Raises:
            sqlite3.OperationalError: Another process holds it.
        """
        try:
            return self._on_best_footing()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            return self._start_anew(error)

    def open_on_card(self) -> Opened:
        """The ledger on the card as it should be.

        Raises:
            sqlite3.DatabaseError: There is no room for it, or it is broken.
        """
        return Opened(open_on_card(self._path, patience_s=self._patience_s), Footing.CARD)

    def _on_best_footing(self) -> Opened:
        ways: tuple[Callable[[], Opened | None], ...] = (
            self.open_on_card,
            self._with_the_reserve,
            self._alone,
        )
        for way in ways:
            try:
                if opened := way():
                    return opened
            except sqlite3.OperationalError as error:
                if is_held_by_another(error) or is_damage(error):
                    raise
                log.warning("the ledger cannot be opened like that: %s", error)
        log.error("the card takes nothing: the ledger is in memory until it does")
        opened = Opened(open_in_memory(), Footing.MEMORY)
        take_over(opened.db, read_remains(self._path, patience_s=self._patience_s))
        return opened

    def _with_the_reserve(self) -> Opened | None:
        return self.open_on_card() if self._reserve.give_up() else None

    def _alone(self) -> Opened:
        db = open_on_card(self._path, patience_s=self._patience_s, alone=True)
        return Opened(db, Footing.CARD_ALONE)

    def _start_anew(self, why: sqlite3.DatabaseError) -> Opened:
        """Sets the broken file aside and carries over what verifies of it."""
        remains = read_remains(self._path, patience_s=self._patience_s)
        words = f"{why}; {len(remains.rows) - remains.lost} rows carried over, {remains.lost} lost"
        opened = self._in_its_place(words)
        try:
            take_over(opened.db, remains, replaced=words)
        except sqlite3.OperationalError:
            with closing(opened.db):
                opened = Opened(open_in_memory(), Footing.MEMORY)
            take_over(opened.db, remains, replaced=words)
        return opened

    def _in_its_place(self, words: str) -> Opened:
        try:
            aside = set_aside(self._path)
            for extra in ("-wal", "-shm"):
                set_aside(self._path.with_name(self._path.name + extra))
        except OSError as error:
            log.error("the ledger is broken (%s) and cannot be set aside: %s", words, error)
            return Opened(open_in_memory(), Footing.MEMORY)
        log.error("the ledger is broken (%s); set aside as %s, a new one starts", words, aside)
        return self._on_best_footing()


def take_over(db: sqlite3.Connection, remains: Remains, *, replaced: str = "") -> None:
    """Carries facts and rows into a ledger, in one step. Rows keep epoch and number, marks never fall.

    Raises:
        sqlite3.OperationalError: It takes nothing.
    """
    facts = remains.facts | ({REPLACED: replaced} if replaced else {})
    db.execute("BEGIN IMMEDIATE")
    try:
        db.executemany(
            "INSERT OR IGNORE INTO journal VALUES (?, ?, ?, ?, ?, ?)",
            [
                (row.epoch, row.number, row.at, row.is_item, row.body, row.sum)
                for row in remains.rows
            ],
        )
        for name, value in facts.items():
            old = db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
            new = _higher(name, old[0] if old else None, value)
            db.execute(
                "INSERT OR REPLACE INTO fact VALUES (?, ?, ?)", (name, new, fact_sum(name, new))
            )
        db.execute("COMMIT")
    except sqlite3.DatabaseError:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def merge(memory: sqlite3.Connection, card: sqlite3.Connection) -> None:
    """Brings what a ledger in memory has gathered to the one on the card.

    Raises:
        sqlite3.OperationalError: The card takes nothing yet.
    """
    remains = remains_of(memory)
    take_over(card, remains)
    for name in ENDS:
        if name not in remains.facts:
            card.execute("DELETE FROM fact WHERE name = ?", (name,))


def _higher(name: str, old: str | None, new: str) -> str:
    if old is None or not name.startswith(NEVER_FALLS):
        return new
    return max(old, new, key=int) if old.isdigit() and new.isdigit() else max(old, new)
