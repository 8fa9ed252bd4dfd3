"""What can still be read of a ledger that is broken: facts and rows that prove to be whole, and nothing else."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from edge.shell.files import open_for_reading
from edge.shell.ledger_file import (
    COLUMNS,
    MARKS,
    StoredRow,
    acknowledged_of,
    fact_sum,
    lost_row,
    readable,
    stored,
)

log = logging.getLogger(__name__)

OF_ONE_FILE = frozenset({"epoch"})
"""Facts that are not carried from one file to another."""
MAY_BE_OLD = frozenset({MARKS})
"""Nor these, from a file that is not whole: old marks would let a command through twice; without them none is obeyed
before the hub has said from where on."""


class Remains(Struct, frozen=True):
    """What is carried over into another ledger.

    Attributes:
        facts: By name; each with the right check sum.
        rows: Under their own epoch and number, so that the hub stores each once; where one is lost, words stand for it.
        lost: How many are lost.
    """

    facts: dict[str, str]
    rows: tuple[StoredRow, ...]
    lost: int = 0


NOTHING = Remains({}, ())


def read_remains(path: Path, *, patience_s: float) -> Remains:
    """Reads what verifies of a broken or unusable file, with its write-ahead log; changes nothing."""
    try:
        with closing(open_for_reading(path, patience_s=patience_s)) as db:
            remains = remains_of(db)
    except sqlite3.DatabaseError as error:
        log.debug("nothing of %s can be read: %s", path.name, error)
        remains = NOTHING
    found = remains if remains.facts or remains.rows else _without_log(path)
    facts = {name: value for name, value in found.facts.items() if name not in MAY_BE_OLD}
    return Remains(facts, found.rows, found.lost)


def _without_log(path: Path) -> Remains:
    """Where not even the index of the write-ahead log can be made, what is in the file itself."""
    try:
        address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as db:
            return remains_of(db)
    except sqlite3.DatabaseError:
        return NOTHING


def remains_of(db: sqlite3.Connection) -> Remains:
    """What verifies in an open ledger."""
    db.text_factory = readable
    facts = {name: value for name, value, total in _facts(db) if fact_sum(name, value) == total}
    whole = {(row.epoch, row.number): row for row in _rows(db) if row.is_whole}
    rows: list[StoredRow] = []
    lost = 0
    for epoch in sorted({row.epoch for row in whole.values()}):
        numbers = sorted(number for one, number in whole if one == epoch)
        at = _at(whole[(epoch, numbers[0])])
        for number in range(numbers[0], numbers[-1] + 1):
            row = whole.get((epoch, number))
            if row is None and number <= int(facts.get(acknowledged_of(epoch), 0)):
                continue  # pruned
            lost += row is None
            rows.append(row or stored(epoch, lost_row(number, at)))
            at = _at(row) if row else at
    kept = {name: value for name, value in facts.items() if name not in OF_ONE_FILE}
    return Remains(kept, tuple(rows), lost)


def _at(row: StoredRow) -> datetime:
    return datetime.fromisoformat(row.at).astimezone(UTC)


def _facts(db: sqlite3.Connection) -> Iterator[tuple[str, str, int]]:
    for order in ("", "ORDER BY name DESC"):
        for found in _as_far_as_it_goes(db, f"SELECT name, value, sum FROM fact {order}"):  # noqa: S608
            match found:
                case (str(name), str(value), int(total)):
                    yield name, value, total


def _rows(db: sqlite3.Connection) -> Iterator[StoredRow]:
    """From both ends: a page gone bad inside ends a walk there."""
    for direction in ("ASC", "DESC"):
        order = f"epoch {direction}, number {direction}"
        for found in _as_far_as_it_goes(db, f"SELECT {COLUMNS} FROM journal ORDER BY {order}"):  # noqa: S608
            match found:
                case (str(epoch), int(number), str(at), int(is_item), bytes(body), int(total)):
                    yield StoredRow(epoch, number, at, is_item, body, total)


def _as_far_as_it_goes(db: sqlite3.Connection, query: str) -> Iterator[tuple[object, ...]]:
    try:
        yield from db.execute(query)
    except sqlite3.DatabaseError as error:
        log.debug("reading ends there: %s", error)
