"""The log of the simulated card: what a program changed in its folder, in order."""

from __future__ import annotations

import struct
from enum import IntEnum
from pathlib import Path

from msgspec import Struct

_RECORD = struct.Struct("<IB3xQQqqqIII4x")
"""As `struct record` in card.c."""
_MAGIC = 0x44524143


class Op(IntEnum):
    """Kinds of changes, as `enum op` in card.c."""

    CREATE = 1
    WRITE = 2
    TRUNCATE = 3
    RENAME = 4
    UNLINK = 5
    MKDIR = 6
    RMDIR = 7
    LINK = 8
    SYNC_FILE = 9
    SYNC_NAMES = 10
    SYNC_ALL = 11


class Change(Struct, frozen=True):
    """One entry of the log.

    Attributes:
        op: What was done.
        at: Where its entry begins in the log.
        file: The file it is about (its inode).
        other: Of a rename: the file it replaced, or 0. Of a sync: it covers entries that begin before this.
        offset: Of a write; the new size of a truncation.
        length: Of a write.
        old_size: Of the file before a write or truncation.
        path: Name inside the card.
        new_path: Of a rename.
        old: The bytes that were replaced or cut off.
    """

    op: Op
    at: int
    file: int
    other: int
    offset: int
    length: int
    old_size: int
    path: str
    new_path: str
    old: bytes


def read_changes(path: Path) -> list[Change]:
    """Every whole entry; a last one that is cut off was never followed by its change."""
    data = path.read_bytes() if path.exists() else b""
    changes = []
    at = 0
    while at + _RECORD.size <= len(data):
        magic, op, file, other, offset, length, old_size, *lengths = _RECORD.unpack_from(data, at)
        end = at + _RECORD.size + sum(lengths)
        if magic != _MAGIC or end > len(data):
            break
        name, new_name, old = _cut(data[at + _RECORD.size : end], lengths)
        changes.append(
            Change(
                Op(op), at, file, other, offset, length, old_size, _name(name), _name(new_name), old
            )
        )
        at = end
    return changes


def _cut(data: bytes, lengths: list[int]) -> tuple[bytes, bytes, bytes]:
    first, second, _ = lengths
    return data[:first], data[first : first + second], data[first + second :]


def _name(path: bytes) -> str:
    return path.decode(errors="surrogateescape")


class Unsafe(Struct, frozen=True):
    """What a power cut may still take.

    Attributes:
        names: Changes of names, in order.
        data: File to its changes of bytes, in order.
    """

    names: list[Change]
    data: dict[int, list[Change]]


def unsafe(changes: list[Change]) -> Unsafe:
    """Leaves out what was brought to the card."""
    names: list[Change] = []
    data: dict[int, list[Change]] = {}
    for change in changes:
        match change.op:
            case Op.WRITE | Op.TRUNCATE:
                data.setdefault(change.file, []).append(change)
            case Op.SYNC_FILE:
                left = [one for one in data.pop(change.file, []) if one.at >= change.other]
                if left:
                    data[change.file] = left
            case Op.SYNC_NAMES:
                names = [one for one in names if one.at >= change.other]
            case Op.SYNC_ALL:
                names.clear()
                data.clear()
            case _:
                if change.op is Op.CREATE:  # the number may have been another file's
                    data.pop(change.file, None)
                names.append(change)
    return Unsafe(names, data)
