"""Journal rows that are not about a planned item: written with the time and its trust, and sent soon."""

from __future__ import annotations

from collections.abc import Callable

from contract.journal import EventKind, EventRow
from contract.ports import Clock
from edge.core.rows import UNNUMBERED
from edge.shell.ledger import Ledger


class Diary:
    """Writes event rows.

    Args:
        clock: Their time.
        ledger: Takes them.
        poke: Tells the outbox that there is something to send.
    """

    def __init__(self, *, clock: Clock, ledger: Ledger, poke: Callable[[], None]) -> None:
        self._clock = clock
        self._ledger = ledger
        self._poke = poke

    def event(self, event: EventKind, *, detail: str = "", count: int = 1) -> None:
        """Writes what happened just now."""
        self._ledger.append(self._row(event, detail, count))
        self._poke()

    def ledger_replaced(self) -> None:
        """Writes that the ledger took a broken one's place, if it did and has not said so yet."""
        if why := self._ledger.replaced:
            self._ledger.tell_replaced(self._row(EventKind.LEDGER_REPLACED, why, 1))
            self._poke()

    def _row(self, event: EventKind, detail: str, count: int) -> EventRow:
        return EventRow(
            number=UNNUMBERED,
            event=event,
            at=self._clock.now(),
            clock_trust=self._clock.trust(),
            detail=detail,
            count=count,
        )
