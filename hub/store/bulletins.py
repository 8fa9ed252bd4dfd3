"""Bulletins, as rows."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, RowMapping, select
from sqlalchemy import insert as into

from contract.model import Priority
from contract.pack import PackKind
from hub.core.model import BulletinRecord
from hub.store.tables import bulletin as bulletins


def insert(connection: Connection, made: BulletinRecord) -> None:
    """Adds a bulletin."""
    values = msgspec.structs.asdict(made) | {
        "priority": str(made.priority),
        "pack": str(made.pack) if made.pack else None,
    }
    connection.execute(into(bulletins).values(**values))


def everything(connection: Connection) -> tuple[BulletinRecord, ...]:
    """All bulletins, newest first."""
    query = select(bulletins).order_by(bulletins.c.created_at.desc(), bulletins.c.id)
    return tuple(_bulletin(row) for row in connection.execute(query).mappings())


def get(connection: Connection, name: str) -> BulletinRecord | None:
    """One bulletin."""
    query = select(bulletins).where(bulletins.c.id == name)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _bulletin(row)


def pack(connection: Connection) -> dict[PackKind, BulletinRecord]:
    """The emergency pack: of each kind the newest."""
    query = select(bulletins).where(bulletins.c.pack.is_not(None))
    rows = connection.execute(query.order_by(bulletins.c.created_at)).mappings()
    return {one.pack: one for one in map(_bulletin, rows) if one.pack is not None}


def _bulletin(row: RowMapping) -> BulletinRecord:
    kind = PackKind(row["pack"]) if row["pack"] else None
    return BulletinRecord(**{**row, "priority": Priority(row["priority"]), "pack": kind})
