"""What the hub knows of itself, as rows: a few facts by name."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, select
from sqlalchemy import insert as into

from hub.core.backups import BackupFacts
from hub.store.tables import hub_fact

BACKUPS = "backups"
FLOOR = "version_floor"


def backup_facts(connection: Connection) -> BackupFacts:
    """What is known of the last backups."""
    found = _get(connection, BACKUPS)
    return msgspec.json.decode(found, type=BackupFacts) if found else BackupFacts()


def set_backup_facts(connection: Connection, facts: BackupFacts) -> None:
    """Remembers how a backup went."""
    _set(connection, BACKUPS, msgspec.json.encode(facts).decode())


def version_floor(connection: Connection) -> int:
    """Plans from now on have at least this version; 1 for a hub that was never put back."""
    return int(_get(connection, FLOOR) or 1)


def raise_version_floor(connection: Connection, restored_at: datetime) -> None:
    """A hub was put back: its clusters may hold any version that it gave them after the backup.

    The seconds since 1970 are above them all, as a commune changes its programme less often than once a second; and
    above those that another restore of the same backup gave before.
    """
    floor = max(version_floor(connection), int(restored_at.timestamp()))
    _set(connection, FLOOR, str(floor))


def _get(connection: Connection, name: str) -> str | None:
    return connection.execute(select(hub_fact.c.value).where(hub_fact.c.name == name)).scalar()


def _set(connection: Connection, name: str, value: str) -> None:
    connection.execute(delete(hub_fact).where(hub_fact.c.name == name))
    connection.execute(into(hub_fact).values(name=name, value=value))
