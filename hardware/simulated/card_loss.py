"""What a card holds after a power cut: a choice among all that the log allows.

Names: some first part of the changes since the last fsync of a folder. Bytes of a file, since its last fsync:

- whole writes: some first part of them, the rest undone;
- torn: that, and the first bytes of the next write; or each touched page of 4 KiB as it was after any of the changes,
  with the size of any of them; or all of it, the last touched pages as zeros.

Pages that were not touched since the last fsync are never changed.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

from hardware.simulated.card_log import Change, Op, unsafe

PAGE = 4096
MAX_ZEROED = 8


def lose(
    store: Path, kept: Path, changes: list[Change], dice: random.Random, *, torn: bool
) -> list[str]:
    """Changes the folder in place; says what was lost."""
    left = unsafe(changes)
    lost = [
        line
        for file, path in _files(store, kept).items()
        if file in left.data
        for line in _lose_bytes(path, left.data[file], dice, torn=torn)
    ]
    stays = dice.randint(0, len(left.names))
    for change in reversed(left.names[stays:]):
        lost += _undo_name(store, kept, change)
    return lost


def _files(store: Path, kept: Path) -> dict[int, Path]:
    """Every file by its number, in an order that does not hang on the disk."""
    paths = [*sorted(kept.glob("*")), *sorted(store.rglob("*"))]
    return {path.lstat().st_ino: path for path in paths if path.is_file()}


# Bytes


def _lose_bytes(path: Path, changes: list[Change], dice: random.Random, *, torn: bool) -> list[str]:
    now = path.read_bytes()
    after = _choose(bytearray(now), changes, dice, torn=torn)
    if after == now:
        return []
    facts = path.stat()
    with path.open("r+b") as file:
        file.write(after)
        file.truncate()
    # The time in the inode is of the last change that reached it; a quick check must not be helped by ours.
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    return [f"{path.name}: {len(now)} bytes before, {len(after)} after, not the same"]


def _choose(now: bytearray, changes: list[Change], dice: random.Random, *, torn: bool) -> bytes:
    how = dice.choice(("first", "torn", "pages", "zeros")) if torn else "first"
    if how == "pages":
        return _pages(now, changes, dice)
    if how == "zeros":
        return _zeros(now, changes, dice)
    stays = dice.randint(0, len(changes))
    for change in reversed(changes[stays + 1 :]):
        undo(now, change)
    if stays < len(changes):
        part = _part(now, changes[stays], dice) if how == "torn" else b""
        undo(now, changes[stays])
        if part:
            _lay(now, changes[stays].offset, part)
    return bytes(now)


def undo(now: bytearray, change: Change) -> None:
    """Takes back one write or truncation."""
    del now[change.old_size :]
    now.extend(bytes(change.old_size - len(now)))
    _lay(now, change.offset, change.old)


def _lay(now: bytearray, offset: int, data: bytes) -> None:
    if not data:
        return
    now.extend(bytes(max(0, offset + len(data) - len(now))))
    now[offset : offset + len(data)] = data


def _part(now: bytearray, change: Change, dice: random.Random) -> bytes:
    """The first bytes of a write; none of a truncation."""
    if change.op is not Op.WRITE:
        return b""
    return bytes(now[change.offset : change.offset + dice.randint(0, change.length)])


def _touched(change: Change) -> range:
    """Pages that a change has to do with."""
    if change.op is Op.WRITE:
        first, end = min(change.offset, change.old_size), change.offset + change.length
    else:
        first, end = sorted((change.offset, change.old_size))
    return range(first // PAGE, -(-end // PAGE))


def _pages(now: bytearray, changes: list[Change], dice: random.Random) -> bytes:
    touched = sorted({page for change in changes for page in _touched(change)})
    wanted = {page: dice.randint(0, len(changes)) for page in touched}
    of_size = dice.randint(0, len(changes))
    taken: dict[int, bytes] = {}
    size = len(now)
    for version in range(len(changes), -1, -1):
        for page in touched:
            if wanted[page] == version:
                taken[page] = bytes(now[page * PAGE : (page + 1) * PAGE])
        if version == of_size:
            size = len(now)
        if version:
            undo(now, changes[version - 1])
    for page, data in taken.items():
        _lay(now, page * PAGE, data.ljust(PAGE, b"\0"))
    del now[size:]
    now.extend(bytes(size - len(now)))
    return bytes(now)


def _zeros(now: bytearray, changes: list[Change], dice: random.Random) -> bytes:
    touched = sorted({page for change in changes for page in _touched(change)})
    for page in touched[-dice.randint(1, MAX_ZEROED) :]:
        end = min(len(now), (page + 1) * PAGE)
        if page * PAGE < end:
            now[page * PAGE : end] = bytes(end - page * PAGE)
    return bytes(now)


# Names


def _undo_name(store: Path, kept: Path, change: Change) -> list[str]:
    path = store / change.path
    match change.op:
        case Op.CREATE | Op.LINK:
            return _take_away(path, change)
        case Op.MKDIR:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
                return [f"{change.path}: the folder is gone"]
        case Op.RMDIR:
            path.mkdir(exist_ok=True)
            return [f"{change.path}: the folder is back"]
        case Op.UNLINK:
            return _bring_back(path, kept, change.file)
        case Op.RENAME:
            return _rename_back(store, kept, change)
        case _:
            raise AssertionError(change)
    return []


def _take_away(path: Path, change: Change) -> list[str]:
    if _number(path) != change.file:
        return []
    path.unlink()
    return [f"{change.path}: was never there"]


def _bring_back(path: Path, kept: Path, file: int) -> list[str]:
    one = kept / str(file)
    if path.exists() or not one.exists():  # it was never removed
        return []
    one.rename(path)
    return [f"{path.name}: is there again"]


def _rename_back(store: Path, kept: Path, change: Change) -> list[str]:
    old, new = store / change.path, store / change.new_path
    if _number(new) != change.file or (old.exists() and _number(old) == change.file):
        return []  # it was logged, and not done
    new.rename(old)
    lost = [f"{change.new_path}: is {change.path} again"]
    return lost + (_bring_back(new, kept, change.other) if change.other else [])


def _number(path: Path) -> int:
    try:
        return path.lstat().st_ino
    except FileNotFoundError:
        return 0
