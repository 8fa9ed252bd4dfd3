"""Files that are whole or absent, whatever happens to the power."""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path

log = logging.getLogger(__name__)

KEPT = 9
"""So many broken files of one name are kept; a later one takes the place of the last."""


def make_folder(path: Path) -> None:
    """Makes a folder; a card that has no room for it, or takes nothing, does not end the agent."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        log.error("%s cannot be made: %s", path, error)


def write_atomically(path: Path, data: bytes) -> None:
    """Replaces a file: written beside it, brought to the card, renamed, and the rename brought to the card too."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Brings a folder's names to the card."""
    _sync(folder)


def bring_leftovers(folder: Path, *files: Path) -> None:
    """Brings to the card what a process that was killed had changed and had no time to bring there.

    Until then it can be read and is not safe: a power cut could leave only what was done on account of it.
    """
    try:
        for file in files:
            if file.exists():
                _sync(file)
        sync_folder(folder)
    except OSError as error:  # a card that takes nothing: what can be read is all there is
        log.debug("%s: not brought to the card: %s", folder, error)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is bad; one that is only locked, full or forbidden stays where it is."""
    return not isinstance(error, sqlite3.OperationalError) or (
        getattr(error, "sqlite_errorname", "") in ("SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ")
    )


def open_for_reading(path: Path, *, patience_s: float) -> sqlite3.Connection:
    """A database that is looked at and not changed, nor made.

    Raises:
        sqlite3.OperationalError: It is not there, or cannot be read.
    """
    address = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=patience_s)


def set_aside(path: Path) -> Path | None:
    """Moves a broken file out of the way, keeping it as evidence; None when it is not there."""
    if not path.exists():
        return None
    candidates = [path.with_name(f"{path.name}.broken-{number}") for number in range(1, KEPT + 1)]
    aside = next((one for one in candidates if not one.exists()), candidates[-1])
    path.replace(aside)
    return aside
