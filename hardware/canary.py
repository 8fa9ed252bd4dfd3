"""A small write to the card that is brought home and read back: what a dying card gets wrong first.

It costs the card 4 KiB of data, and what the file system notes about it, each time. Not for the loop's thread: on a
dying card it blocks for tens of seconds.
"""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from contract.ports import Clock
from hardware.health import Canary

NAME = ".canary"
BYTES = 4096
BROKEN = frozenset({errno.EIO, errno.EUCLEAN, errno.ENXIO, errno.ENODEV, errno.EREMOTEIO})


def send_canary(folder: Path, clock: Clock) -> Canary | None:
    """Writes, brings to the card, forgets the memory's copy and reads back.

    Args:
        folder: On the card that counts; one file in it is written over and over.
        clock: For the duration.

    Returns:
        What came of it; None: nothing could be tried (no room, no permission), which says nothing about the card.
    """
    content = secrets.token_bytes(BYTES)
    began_ns = clock.mono_ns()
    try:
        came_back = _to_card_and_back(folder / NAME, content) == content
    except OSError as error:
        is_read_only, is_broken = error.errno == errno.EROFS, error.errno in BROKEN
        if not is_read_only and not is_broken:
            return None
        return Canary(
            write_ms=_ms_since(began_ns, clock),
            came_back=not is_broken,
            is_read_only=is_read_only,
            why=os.strerror(error.errno or 0),
        )
    return Canary(write_ms=_ms_since(began_ns, clock), came_back=came_back)


def _to_card_and_back(path: Path, content: bytes) -> bytes:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(file, content, 0)
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        return os.pread(file, BYTES, 0)
    finally:
        os.close(file)


def _ms_since(began_ns: int, clock: Clock) -> float:
    return (clock.mono_ns() - began_ns) / 1e6
