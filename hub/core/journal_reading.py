"""Reads journal batches so that no row of a newer program holds up a cluster's log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from contract.codec import MAX_MESSAGE_BYTES, Refused, decode
from contract.journal import EventKind, EventRow, JournalBatch, JournalRow
from contract.model import CONTRACT_VERSION, Instant

MAX_DETAIL = 2000


class _RawBatch(Struct, frozen=True, kw_only=True):
    v: int = CONTRACT_VERSION
    epoch: str
    rows: tuple[msgspec.Raw, ...]
    held_from: Annotated[int, Meta(ge=1)] = 1


class _Numbered(Struct, frozen=True, kw_only=True):
    number: Annotated[int, Meta(ge=1)]


class _Dated(Struct, frozen=True, kw_only=True):
    at: Instant


def read_batch(payload: bytes, now: datetime) -> JournalBatch:
    """A batch whose rows are all kept: one that cannot be read becomes an event `other` with its text as detail.

    Raises:
        Refused: It is no batch, of a newer contract, or has a row without a number.
    """
    try:
        return decode(payload, JournalBatch, max_bytes=MAX_MESSAGE_BYTES)
    except Refused:
        raw = decode(payload, _RawBatch, max_bytes=MAX_MESSAGE_BYTES)
    rows = tuple(_row(bytes(one), now) for one in raw.rows)
    return JournalBatch(epoch=raw.epoch, rows=rows, held_from=raw.held_from)


def _row(data: bytes, now: datetime) -> JournalRow:
    try:
        row: JournalRow = msgspec.json.decode(data, type=JournalRow)
    except msgspec.MsgspecError:
        number = decode(data, _Numbered).number
    else:
        return row
    text = data.decode(errors="replace")[:MAX_DETAIL]
    return EventRow(number=number, event=EventKind.OTHER, at=_at(data) or now, detail=text)


def _at(data: bytes) -> datetime | None:
    try:
        return msgspec.json.decode(data, type=_Dated).at
    except msgspec.MsgspecError:
        return None
