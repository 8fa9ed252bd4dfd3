"""Slots with their clusters and stops, as rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, delete, select
from sqlalchemy import insert as into
from sqlalchemy import update as edit

from contract.ids import ClusterId, SlotId
from contract.model import Once, Stop, Weekly
from hub import refusals
from hub.core.model import SlotRecord
from hub.store.tables import slot as slots
from hub.store.tables import slot_cluster
from hub.store.tables import stop as stops


def insert(connection: Connection, made: SlotRecord) -> None:
    """Adds a slot."""
    connection.execute(into(slots).values(id=made.id, **_columns(made)))
    _name_clusters(connection, made)


def update(connection: Connection, made: SlotRecord) -> None:
    """Writes a slot over; its stops stay."""
    connection.execute(edit(slots).where(slots.c.id == made.id).values(**_columns(made)))
    connection.execute(delete(slot_cluster).where(slot_cluster.c.slot == made.id))
    _name_clusters(connection, made)


def cancel(connection: Connection, slot: SlotId, at: datetime) -> None:
    """Marks a slot as called off."""
    connection.execute(edit(slots).where(slots.c.id == slot).values(cancelled_at=at))


def insert_stop(connection: Connection, stop: Stop) -> None:
    """Stops one planned start; once is enough."""
    known = select(stops).where(stops.c.slot == stop.slot, stops.c.planned_at == stop.planned_at)
    if connection.execute(known).first() is None:
        connection.execute(into(stops).values(slot=stop.slot, planned_at=stop.planned_at))


def not_cancelled(connection: Connection) -> tuple[SlotRecord, ...]:
    """Every slot that stands."""
    return _load(connection, select(slots).where(slots.c.cancelled_at.is_(None)))


def newest(connection: Connection, limit: int) -> tuple[SlotRecord, ...]:
    """The newest slots, cancelled ones too, newest first."""
    return _load(connection, select(slots).order_by(slots.c.approved_at.desc()).limit(limit))


def require(connection: Connection, slot: SlotId) -> SlotRecord:
    """One slot.

    Raises:
        NotFound: There is none of that name.
    """
    found = _load(connection, select(slots).where(slots.c.id == slot))
    if not found:
        raise refusals.unknown_slot(slot)
    return found[0]


def _load(connection: Connection, query: Select[Any]) -> tuple[SlotRecord, ...]:
    rows = connection.execute(query).mappings().all()
    names = [row["id"] for row in rows]
    clusters: defaultdict[str, list[ClusterId]] = defaultdict(list)
    for row in _of(connection, select(slot_cluster), slot_cluster.c.slot, names):
        clusters[row["slot"]].append(row["cluster"])
    stopped: defaultdict[str, list[Stop]] = defaultdict(list)
    for row in _of(connection, select(stops), stops.c.slot, names):
        stopped[row["slot"]].append(Stop(slot=row["slot"], planned_at=row["planned_at"]))
    return tuple(_slot(row, clusters[row["id"]], stopped[row["id"]]) for row in rows)


CHUNK = 500
"""Names in one query: databases limit the number of parameters."""


def _of(
    connection: Connection,
    query: Select[Any],
    column: ColumnElement[str],
    names: list[str],
) -> Iterable[RowMapping]:
    for start in range(0, len(names), CHUNK):
        chosen = query.where(column.in_(names[start : start + CHUNK]))
        yield from connection.execute(chosen).mappings()


def _slot(row: RowMapping, clusters: list[ClusterId], stopped: list[Stop]) -> SlotRecord:
    when: Once | Weekly = msgspec.json.decode(row["when_json"], type=Once | Weekly)
    return SlotRecord(
        id=row["id"],
        bulletin=row["bulletin"],
        when=when,
        clusters=None if row["all_clusters"] else tuple(sorted(clusters)),
        owed_from=row["owed_from"],
        approved_at=row["approved_at"],
        late_limit_s=row["late_limit_s"],
        in_quiet_hours=row["in_quiet_hours"],
        volume_pct=row["volume_pct"],
        cancelled_at=row["cancelled_at"],
        created_by=row["created_by"],
        stops=tuple(sorted(stopped, key=lambda stop: stop.planned_at)),
    )


def _columns(made: SlotRecord) -> dict[str, Any]:
    return {
        "bulletin": made.bulletin,
        "when_json": msgspec.json.encode(made.when).decode(),
        "all_clusters": made.clusters is None,
        "owed_from": made.owed_from,
        "approved_at": made.approved_at,
        "late_limit_s": made.late_limit_s,
        "in_quiet_hours": made.in_quiet_hours,
        "volume_pct": made.volume_pct,
        "cancelled_at": made.cancelled_at,
        "created_by": made.created_by,
    }


def _name_clusters(connection: Connection, made: SlotRecord) -> None:
    for cluster in made.clusters or ():
        connection.execute(into(slot_cluster).values(slot=made.id, cluster=cluster))
