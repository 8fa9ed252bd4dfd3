"""Room on the card that is held for the journal: given up when the card is full, taken again when it is not."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

MIB = 1024 * 1024
SIZE_BYTES = 8 * MIB
"""Room for the write-ahead log (1 MiB) and some 10,000 rows: eight months of 40 a day."""
LEAVE_FREE_BYTES = 32 * MIB
"""So much must stay free beside it before it is taken again: a card at its brim is not fought over."""
LEAST_FREE_BYTES = 4 * MIB
"""With less the card is called full, before the journal needs the reserve."""


class Reserve:
    """A file that holds nothing but room.

    Args:
        path: The file.
        size_bytes: How much room it holds.
        free_bytes: Says how much room the card has; None: as the system tells.

    Attributes:
        size_bytes: As given.
    """

    def __init__(
        self,
        path: Path,
        *,
        size_bytes: int = SIZE_BYTES,
        free_bytes: Callable[[], int] | None = None,
    ) -> None:
        self._path = path
        self.size_bytes = size_bytes
        self._free_bytes = free_bytes or (lambda: free_room(path.parent))

    @property
    def is_held(self) -> bool:
        """Whether the whole reserve is there."""
        return self._held_bytes() >= self.size_bytes

    def _held_bytes(self) -> int:
        try:
            return self._path.stat().st_blocks * 512
        except OSError:
            return 0

    def take(self) -> None:
        """Holds the room again, if the card has plenty."""
        if not self.is_held and self._free_bytes() >= self.size_bytes + LEAVE_FREE_BYTES:
            self._allocate(self.size_bytes)

    def take_what_there_is(self) -> None:
        """Holds as much as the card has, down to an eighth: for the next start, on a card at its brim."""
        size_bytes = self.size_bytes
        while self._held_bytes() < size_bytes >= self.size_bytes // 8:
            if self._allocate(size_bytes):
                return
            size_bytes //= 2

    def _allocate(self, size_bytes: int) -> bool:
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size_bytes)
        except OSError as error:
            log.debug("no room to hold in reserve: %s", error)
            self.give_up()
            return False
        return True

    @property
    def is_tight(self) -> bool:
        """Whether the card has next to no room beside it."""
        return self._free_bytes() < LEAST_FREE_BYTES

    def give_up(self) -> bool:
        """Frees the room; whether there was any."""
        had = self._held_bytes() > 0
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.debug("the reserve stays: %s", error)
            return False
        return had


def free_room(folder: Path) -> int:
    """Bytes that the card has free, for anybody but root; a card that cannot say has none."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
