"""How far the journal has gone out, in a file beside the ledger: the witness when the ledger has lost its end.

SQLite does not notice when the end of its write-ahead log is cut off or zeroed, as a dying card does: it goes on from
an earlier moment. Rows that the hub has seen would then be gone, and their numbers given to others.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from edge.shell.card_thread import HOLD_S, CardThread, Piece
from edge.shell.files import write_atomically

log = logging.getLogger(__name__)


class SentMark:
    """The highest row that may have left the cluster.

    Args:
        path: The file; one that cannot be read bears no witness.
        card: Writes in the caller's place; None: whoever raises the mark waits for the card.
    """

    def __init__(self, path: Path, card: CardThread | None = None) -> None:
        self._path = path
        self._card = card
        self._last: tuple[str, int] | None = None
        self._on_its_way: tuple[Piece, str, int] | None = None

    def read(self) -> tuple[str, int]:
        """Epoch and number; number 0 when nothing is known."""
        try:
            epoch, number = self._path.read_text(encoding="ascii").split()
            self._last = (epoch, int(number))
        except (OSError, ValueError):
            return ("", 0)
        return self._last

    def raise_to(self, epoch: str, number: int, patience_s: float = HOLD_S) -> bool:
        """Remembers it before the row goes out; writes nothing when as much was remembered already.

        Returns:
            Whether the row may go out; not yet when the card needs longer than `patience_s`: ask again.
        """
        while not self._covers(epoch, number):
            if self._card is None:
                self._write(epoch, number)
                return True
            if self._on_its_way is None:
                piece = self._card.start(partial(self._write, epoch, number))
                self._on_its_way = (piece, epoch, number)
            piece, *aim = self._on_its_way
            if not piece.comes(patience_s):
                return False
            self._on_its_way = None
            if aim == [epoch, number]:
                return True  # also when the card did not take it
        if self.is_answered:
            self._on_its_way = None
        return True

    @property
    def is_answered(self) -> bool:
        """Whether the card has answered to what `raise_to` would not wait for."""
        return self._on_its_way is not None and self._on_its_way[0].is_done

    def _covers(self, epoch: str, number: int) -> bool:
        return self._last is not None and self._last[0] == epoch and self._last[1] >= number

    def _write(self, epoch: str, number: int) -> None:
        try:
            write_atomically(self._path, f"{epoch} {number}\n".encode("ascii"))
        except OSError as error:  # a full card: rows are proof all the same
            log.debug("not remembered how far the journal went out: %s", error)
            return
        self._last = (epoch, number)
