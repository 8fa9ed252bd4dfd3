"""Plans as they were issued, as rows: the outbox of what clusters are to be given."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy import insert as into

from contract.ids import ClusterId
from hub.core.model import Plan
from hub.core.planning import Issued
from hub.store.tables import plan as plans

KEPT_VERSIONS = 50


def insert(connection: Connection, issued: Plan) -> None:
    """Adds a plan; the oldest of the cluster's are forgotten."""
    connection.execute(
        into(plans).values(
            cluster=issued.cluster,
            version=issued.version,
            body_hash=issued.body_hash,
            note=issued.note,
            issued_at=issued.issued_at,
            published_at=issued.published_at,
        )
    )
    too_old = plans.c.version <= issued.version - KEPT_VERSIONS
    connection.execute(delete(plans).where(plans.c.cluster == issued.cluster, too_old))


def last_issued(connection: Connection, cluster: ClusterId) -> Issued | None:
    """What a cluster was given last."""
    query = (
        select(plans.c.version, plans.c.body_hash, plans.c.issued_at)
        .where(plans.c.cluster == cluster)
        .order_by(plans.c.version.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Issued(**row)


def versions(connection: Connection) -> dict[ClusterId, int]:
    """Newest version by cluster."""
    query = select(plans.c.cluster, func.max(plans.c.version)).group_by(plans.c.cluster)
    return {ClusterId(cluster): version for cluster, version in connection.execute(query)}


def newest(connection: Connection, *, unpublished_only: bool = False) -> tuple[Plan, ...]:
    """The newest plan of every cluster, by name."""
    top = (
        select(plans.c.cluster, func.max(plans.c.version).label("version"))
        .group_by(plans.c.cluster)
        .subquery()
    )
    query = (
        select(plans)
        .join(top, (plans.c.cluster == top.c.cluster) & (plans.c.version == top.c.version))
        .order_by(plans.c.cluster)
    )
    if unpublished_only:
        query = query.where(plans.c.published_at.is_(None))
    return tuple(Plan(**row) for row in connection.execute(query).mappings())


def mark_published(connection: Connection, cluster: ClusterId, version: int, at: datetime) -> None:
    """The broker holds this plan."""
    this_one = (plans.c.cluster == cluster) & (plans.c.version == version)
    connection.execute(
        update(plans).where(this_one, plans.c.published_at.is_(None)).values(published_at=at)
    )
