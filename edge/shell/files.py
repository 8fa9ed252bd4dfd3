"""Files that are whole or absent, whatever happens to the power."""

from __future__ import annotations

import os
from pathlib import Path


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
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def set_aside(path: Path) -> Path | None:
    """Moves a broken file out of the way, keeping it as evidence; None when it is not there."""
    if not path.exists():
        return None
    aside = next(
        candidate
        for number in range(1, 1000)
        if not (candidate := path.with_name(f"{path.name}.broken-{number}")).exists()
    )
    path.replace(aside)
    return aside
