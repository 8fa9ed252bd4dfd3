"""Journal rows of clusters, each stored once whatever comes twice; and the audit trail read back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, Select, select
from sqlalchemy.dialects import postgresql, sqlite

from contract.ids import ClusterId
from contract.journal import ItemRow, JournalBatch, JournalRow
from hub.core.model import AuditRecord, JournalRecord
from hub.store.tables import audit, journal, journal_mark


def take(connection: Connection, cluster: ClusterId, batch: JournalBatch, now: datetime) -> int:
    """Stores the rows that are new; the highest row of the epoch up to which none is missing."""
    into = _into(connection)
    values = [_columns(cluster, batch.epoch, row, now) for row in batch.rows]
    if values:
        connection.execute(into(journal).on_conflict_do_nothing(), values)
    return _advance(connection, cluster, batch.epoch)


def _advance(connection: Connection, cluster: ClusterId, epoch: str) -> int:
    this_one = (journal_mark.c.cluster == cluster) & (journal_mark.c.epoch == epoch)
    known = connection.execute(select(journal_mark.c.up_to).where(this_one)).scalar() or 0
    later = (
        select(journal.c.number)
        .where(journal.c.cluster == cluster, journal.c.epoch == epoch, journal.c.number > known)
        .order_by(journal.c.number)
    )
    up_to = known
    for number in connection.execute(later).scalars():
        if number != up_to + 1:
            break
        up_to = number
    if up_to > known:
        mark = _into(connection)(journal_mark).values(cluster=cluster, epoch=epoch, up_to=up_to)
        connection.execute(
            mark.on_conflict_do_update(index_elements=["cluster", "epoch"], set_={"up_to": up_to})
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


def newest_audit(connection: Connection, limit: int) -> tuple[AuditRecord, ...]:
    """Who did what, newest first."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    return tuple(
        AuditRecord(at=row["at"], who=row["who"], what=row["what"], detail=row["detail"])
        for row in connection.execute(query).mappings()
    )
