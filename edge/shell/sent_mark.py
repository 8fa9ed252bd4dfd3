"""How far the journal has gone out, in a file beside the ledger: the witness when the ledger has lost its end.

SQLite does not notice when the end of its write-ahead log is cut off or zeroed, as a dying card does: it goes on from
an earlier moment. Rows that the hub has seen would then be gone, and their numbers given to others.
"""

from __future__ import annotations

import logging
from pathlib import Path

from edge.shell.files import write_atomically

log = logging.getLogger(__name__)


class SentMark:
    """The highest row that may have left the cluster.

    Args:
        path: The file; one that cannot be read bears no witness.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: tuple[str, int] | None = None

    def read(self) -> tuple[str, int]:
        """Epoch and number; number 0 when nothing is known."""
        try:
            epoch, number = self._path.read_text(encoding="ascii").split()
            self._last = (epoch, int(number))
        except (OSError, ValueError):
            return ("", 0)
        return self._last

    def raise_to(self, epoch: str, number: int) -> None:
        """Remembers it before the row goes out; writes nothing when as much was remembered already."""
        if self._last is not None and self._last[0] == epoch and self._last[1] >= number:
            return
        try:
            write_atomically(self._path, f"{epoch} {number}\n".encode("ascii"))
        except OSError as error:  # a full card: rows are proof all the same
            log.debug("not remembered how far the journal went out: %s", error)
            return
        self._last = (epoch, number)
