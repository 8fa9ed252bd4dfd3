"""One thread that writes to the card, in order: who asks waits a moment, and not for as long as a dying card wants.

Measured with a simulated card whose fsync takes 5 s: written from the loop's thread, the player was taken for dead, two
items of three lost their ends, the third began 12 s late. Sound is a process of its own and needs no card to go on.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

HOLD_S = 0.5
"""So long the loop waits for the card: a good one takes some milliseconds, and half a second when it tidies up."""


class Piece:
    """A piece of work for the card.

    Attributes:
        error: What it raised; None: nothing, or it is not done.
    """

    def __init__(self, work: Callable[[], None], mono_ns: Callable[[], int]) -> None:
        self._work = work
        self._mono_ns = mono_ns
        self._began_ns = mono_ns()
        self._took_ns: int | None = None
        self._done = threading.Event()
        self.error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        """Whether the card has answered."""
        return self._done.is_set()

    @property
    def took_ms(self) -> float:
        """How long it took, with its place in the queue; while it is not done, so far."""
        took_ns = self._took_ns
        return ((self._mono_ns() - self._began_ns) if took_ns is None else took_ns) / 1e6

    def comes(self, patience_s: float | None) -> bool:
        """Waits for the card, but not longer (None: for ever); whether it has answered."""
        return self._done.wait(patience_s)

    def do(self) -> None:
        """Does the work, where it is called."""
        try:
            self._work()
        except BaseException as raised:  # noqa: BLE001 - whoever asked for it is told
            self.error = raised
        self._took_ns = self._mono_ns() - self._began_ns
        self._done.set()


class CardThread:
    """Begins with its first piece of work; nobody waits for it at the end of the program.

    Args:
        mono_ns: CLOCK_MONOTONIC.
    """

    def __init__(self, mono_ns: Callable[[], int]) -> None:
        self._mono_ns = mono_ns
        self._queue: queue.SimpleQueue[Piece] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self, work: Callable[[], None]) -> Piece:
        """Hands work over; it is done after all that was handed over before."""
        piece = Piece(work, self._mono_ns)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="card", daemon=True)
            self._thread.start()
        self._queue.put(piece)
        return piece

    def _work(self) -> None:
        while True:
            self._queue.get().do()
