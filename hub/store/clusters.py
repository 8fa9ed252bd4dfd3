"""Clusters, as rows."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, RowMapping, select, update
from sqlalchemy import insert as into

from contract.ids import ClusterId
from hub.core.model import Cluster
from hub.store.tables import cluster as clusters
from hub.store.tables import cluster_group

Windows = tuple[str, ...]


class Credentials(Struct, frozen=True, kw_only=True):
    """A cluster's secret as hashes: for HTTP, and in Mosquitto's own form."""

    secret_sha256: str
    mosquitto_hash: str


def insert(
    connection: Connection, made: Cluster, credentials: Credentials, created_at: datetime
) -> None:
    """Adds a cluster with its groups."""
    connection.execute(
        into(clusters).values(
            name=made.name,
            title=made.title,
            hamlet=made.hamlet,
            board=made.board,
            volume_pct=made.volume_pct,
            secret_sha256=credentials.secret_sha256,
            mosquitto_hash=credentials.mosquitto_hash,
            created_at=created_at,
            **_settings(made),
        )
    )
    for group in sorted(set(made.groups)):
        connection.execute(into(cluster_group).values(cluster=made.name, name=group))


def replace_settings(connection: Connection, changed: Cluster) -> None:
    """Gives a cluster other settings."""
    values = {"volume_pct": changed.volume_pct, **_settings(changed)}
    connection.execute(update(clusters).where(clusters.c.name == changed.name).values(**values))


def _settings(one: Cluster) -> dict[str, Any]:
    windows = one.download_windows
    return {
        "download_windows_json": None if windows is None else msgspec.json.encode(windows).decode(),
        "monthly_mib": one.monthly_mib,
        "maintenance": one.maintenance,
    }


def replace_credentials(connection: Connection, name: ClusterId, credentials: Credentials) -> None:
    """Gives a cluster another secret."""
    connection.execute(
        update(clusters)
        .where(clusters.c.name == name)
        .values(secret_sha256=credentials.secret_sha256, mosquitto_hash=credentials.mosquitto_hash)
    )


def everyone(connection: Connection) -> tuple[Cluster, ...]:
    """All clusters, by name."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for row in connection.execute(select(cluster_group).order_by(cluster_group.c.name)).mappings():
        groups[row["cluster"]].append(row["name"])
    found = connection.execute(select(clusters).order_by(clusters.c.name)).mappings()
    return tuple(_cluster(row, groups[row["name"]]) for row in found)


def get(connection: Connection, name: ClusterId) -> Cluster | None:
    """One cluster."""
    query = select(clusters).where(clusters.c.name == name)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    of_it = select(cluster_group.c.name).where(cluster_group.c.cluster == name)
    groups = connection.execute(of_it.order_by(cluster_group.c.name)).scalars()
    return _cluster(row, list(groups))


def secret_sha256(connection: Connection, name: str) -> str | None:
    """Hash of a cluster's secret."""
    return connection.execute(
        select(clusters.c.secret_sha256).where(clusters.c.name == name)
    ).scalar_one_or_none()


def mosquitto_hashes(connection: Connection) -> dict[str, str]:
    """Cluster name to its line in Mosquitto's password file."""
    found = connection.execute(select(clusters.c.name, clusters.c.mosquitto_hash))
    return {row.name: row.mosquitto_hash for row in found}


def _cluster(row: RowMapping, groups: list[str]) -> Cluster:
    windows = row["download_windows_json"]
    return Cluster(
        name=row["name"],
        title=row["title"],
        hamlet=row["hamlet"],
        board=row["board"],
        volume_pct=row["volume_pct"],
        groups=tuple(groups),
        download_windows=None if windows is None else msgspec.json.decode(windows, type=Windows),
        monthly_mib=row["monthly_mib"],
        maintenance=row["maintenance"],
    )
