"""Orders to the clusters and what came of each, as rows. An order is stored before it is published."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, Select, delete, func, select, update
from sqlalchemy import insert as into

from contract.command import CommandId
from contract.ids import ClusterId
from hub.core.emergency import Answer, Course
from hub.store.tables import hub_fact
from hub.store.tables import order as orders
from hub.store.tables import order_answer as answers

SKIPPED = "order_seq"


def next_seq(connection: Connection) -> int:
    """The number of the next order."""
    return newest_seq(connection) + 1


def newest_seq(connection: Connection) -> int:
    """The highest number given so far, or obeyed by a cluster of a hub that has forgotten it."""
    given = connection.execute(select(func.coalesce(func.max(orders.c.seq), 0))).scalar_one()
    skipped = connection.execute(select(hub_fact.c.value).where(hub_fact.c.name == SKIPPED))
    return max(int(given), int(skipped.scalar_one_or_none() or 0))


def skip_to(connection: Connection, seq: int) -> None:
    """Numbers up to this are taken, by orders that this hub does not remember."""
    connection.execute(delete(hub_fact).where(hub_fact.c.name == SKIPPED))
    connection.execute(into(hub_fact).values(name=SKIPPED, value=str(seq)))


def insert(connection: Connection, course: Course, note: bytes) -> None:
    """Adds an order with its signed note."""
    connection.execute(
        into(orders).values(
            seq=course.seq,
            id=course.id,
            what=course.what,
            title=course.title,
            mode=str(course.mode),
            issued_at=course.issued_at,
            expires_at=course.expires_at,
            ended_at=course.ended_at,
            created_by=course.by,
            meant_json=msgspec.json.encode(course.meant).decode(),
            note=note,
        )
    )


def end(connection: Connection, wanted: Iterable[int], at: datetime) -> None:
    """A later order has ended these."""
    connection.execute(
        update(orders)
        .where(orders.c.seq.in_(tuple(wanted)), orders.c.ended_at.is_(None))
        .values(ended_at=at)
    )


def open_ones(connection: Connection, now: datetime) -> tuple[Course, ...]:
    """Orders that clusters may still obey, oldest first."""
    query = select(orders).where(orders.c.ended_at.is_(None), orders.c.expires_at >= now)
    return _load(connection, query.order_by(orders.c.seq))


def newest(connection: Connection, limit: int) -> tuple[Course, ...]:
    """The newest orders, newest first."""
    return _load(connection, select(orders).order_by(orders.c.seq.desc()).limit(limit))


def get(connection: Connection, order: CommandId) -> Course | None:
    """One order by its id."""
    found = _load(connection, select(orders).where(orders.c.id == order))
    return found[0] if found else None


def note_of(connection: Connection, seq: int) -> bytes:
    """The signed note of an order: the same bytes each time that it is published."""
    found = connection.execute(select(orders.c.note).where(orders.c.seq == seq)).scalar_one()
    return bytes(found)


def put_answer(connection: Connection, seq: int, answer: Answer) -> None:
    """Writes what a cluster has said last."""
    facts = {
        "stage": str(answer.stage),
        "at": answer.at,
        "heard_at": answer.heard_at,
        "reason": answer.reason,
    }
    this_one = (answers.c.seq == seq) & (answers.c.cluster == answer.cluster)
    if connection.execute(update(answers).where(this_one).values(**facts)).rowcount == 0:
        connection.execute(into(answers).values(seq=seq, cluster=answer.cluster, **facts))


def _load(connection: Connection, query: Select[Any]) -> tuple[Course, ...]:
    rows = connection.execute(query).mappings().all()
    said: defaultdict[int, list[Answer]] = defaultdict(list)
    wanted = select(answers).where(answers.c.seq.in_([row["seq"] for row in rows]))
    for row in connection.execute(wanted.order_by(answers.c.cluster)).mappings():
        said[row["seq"]].append(_answer(row))
    return tuple(_course(row, tuple(said[row["seq"]])) for row in rows)


def _answer(row: RowMapping) -> Answer:
    facts = {key: row[key] for key in ("cluster", "stage", "at", "heard_at", "reason")}
    return msgspec.convert(facts, Answer)


def _course(row: RowMapping, said: tuple[Answer, ...]) -> Course:
    return Course(
        id=row["id"],
        seq=row["seq"],
        what=row["what"],
        title=row["title"],
        mode=row["mode"],
        issued_at=row["issued_at"],
        expires_at=row["expires_at"],
        ended_at=row["ended_at"],
        by=row["created_by"],
        meant=msgspec.json.decode(row["meant_json"], type=tuple[ClusterId, ...]),
        answers=said,
    )
