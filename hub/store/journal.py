"""Journal rows of clusters, each stored once whatever comes twice; and the audit trail read back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, Select, select
from sqlalchemy.dialects import postgresql, sqlite

from contract.ids import ClusterId
from contract.journal import ItemRow, JournalBatch, JournalRow
from hub.core.journal_keeping import Gap, Taken, gaps_below, is_same
from hub.core.model import AuditRecord, JournalGap, JournalRecord
from hub.store.tables import audit, journal, journal_gap, journal_mark


def take(connection: Connection, cluster: ClusterId, batch: JournalBatch, now: datetime) -> Taken:
    """Stores the rows that are new, and notes those that will never come."""
    new, conflicts = _sorted_out(connection, cluster, batch)
    if new:
        values = [_columns(cluster, batch.epoch, row, now) for row in new]
        connection.execute(_into(connection)(journal).on_conflict_do_nothing(), values)
    known = _known(connection, cluster, batch.epoch)
    gaps = _note_gaps(connection, cluster, batch, known, now)
    up_to = _advance(connection, cluster, batch, known)
    return Taken(up_to=up_to, gaps=gaps, conflicts=conflicts)


def _sorted_out(
    connection: Connection, cluster: ClusterId, batch: JournalBatch
) -> tuple[list[JournalRow], tuple[int, ...]]:
    """Rows that are new, and numbers under which another row lies here already."""
    numbers = {row.number for row in batch.rows}
    query = select(journal.c.row_json).where(
        journal.c.cluster == cluster,
        journal.c.epoch == batch.epoch,
        journal.c.number.in_(numbers),
    )
    found = (
        msgspec.json.decode(text, type=JournalRow) for text in connection.execute(query).scalars()
    )
    kept: dict[int, JournalRow] = {row.number: row for row in found}
    new = []
    conflicts = set()
    for row in batch.rows:
        if row.number not in kept:
            kept[row.number] = row
            new.append(row)
        elif not is_same(kept[row.number], row):
            conflicts.add(row.number)
    return new, tuple(sorted(conflicts))


def _known(connection: Connection, cluster: ClusterId, epoch: str) -> int:
    this_one = (journal_mark.c.cluster == cluster) & (journal_mark.c.epoch == epoch)
    return connection.execute(select(journal_mark.c.up_to).where(this_one)).scalar() or 0


def _note_gaps(
    connection: Connection, cluster: ClusterId, batch: JournalBatch, known: int, now: datetime
) -> tuple[Gap, ...]:
    if batch.held_from <= known + 1:
        return ()
    stored = _numbers_above(connection, cluster, batch.epoch, known, below=batch.held_from)
    gaps = tuple(gaps_below(known, batch.held_from, stored))
    for gap in gaps:
        connection.execute(
            _into(connection)(journal_gap).values(
                cluster=cluster, epoch=batch.epoch, first=gap.first, last=gap.last, noted_at=now
            )
        )
    return gaps


def _numbers_above(
    connection: Connection, cluster: ClusterId, epoch: str, known: int, *, below: int | None = None
) -> Iterator[int]:
    query = (
        select(journal.c.number)
        .where(journal.c.cluster == cluster, journal.c.epoch == epoch, journal.c.number > known)
        .order_by(journal.c.number)
    )
    if below is not None:
        query = query.where(journal.c.number < below)
    yield from connection.execute(query).scalars()


def _advance(connection: Connection, cluster: ClusterId, batch: JournalBatch, known: int) -> int:
    up_to = max(known, batch.held_from - 1)
    for number in _numbers_above(connection, cluster, batch.epoch, up_to):
        if number != up_to + 1:
            break
        up_to = number
    if up_to > known:
        mark = _into(connection)(journal_mark)
        values = mark.values(cluster=cluster, epoch=batch.epoch, up_to=up_to)
        connection.execute(
            values.on_conflict_do_update(index_elements=["cluster", "epoch"], set_={"up_to": up_to})
        )
    return up_to


def _into(connection: Connection) -> Any:  # noqa: ANN401 - two dialects' own insert
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


def _columns(cluster: ClusterId, epoch: str, row: JournalRow, now: datetime) -> dict[str, Any]:
    item = row if isinstance(row, ItemRow) else None
    return {
        "cluster": cluster,
        "epoch": epoch,
        "number": row.number,
        "row_json": msgspec.json.encode(row).decode(),
        "stored_at": now,
        "slot": item.slot if item else None,
        "planned_at": item.planned_at if item else None,
        "outcome": str(item.outcome) if item else None,
    }


def after(
    connection: Connection, last_id: int, cluster: ClusterId | None, limit: int
) -> tuple[JournalRecord, ...]:
    """Rows stored after `last_id`, oldest first."""
    query = select(journal).where(journal.c.id > last_id).order_by(journal.c.id)
    return _load(connection, query, cluster, limit)


def newest(
    connection: Connection, cluster: ClusterId | None, limit: int
) -> tuple[JournalRecord, ...]:
    """The newest rows, newest first."""
    return _load(connection, select(journal).order_by(journal.c.id.desc()), cluster, limit)


def _load(
    connection: Connection, query: Select[Any], cluster: ClusterId | None, limit: int
) -> tuple[JournalRecord, ...]:
    if cluster is not None:
        query = query.where(journal.c.cluster == cluster)
    return tuple(_record(row) for row in connection.execute(query.limit(limit)).mappings())


def _record(row: RowMapping) -> JournalRecord:
    return JournalRecord(
        id=row["id"],
        cluster=row["cluster"],
        epoch=row["epoch"],
        stored_at=row["stored_at"],
        row=msgspec.json.decode(row["row_json"], type=JournalRow),
    )


def newest_gaps(connection: Connection, limit: int) -> tuple[JournalGap, ...]:
    """Rows that never came and never will, newest first."""
    query = select(journal_gap).order_by(journal_gap.c.id.desc()).limit(limit)
    return tuple(
        JournalGap(**{key: value for key, value in row.items() if key != "id"})
        for row in connection.execute(query).mappings()
    )


def newest_audit(connection: Connection, limit: int) -> tuple[AuditRecord, ...]:
    """Who did what, newest first."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    return tuple(
        AuditRecord(at=row["at"], who=row["who"], what=row["what"], detail=row["detail"])
        for row in connection.execute(query).mappings()
    )
