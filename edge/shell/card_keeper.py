"""Looks after the room on the card: twice a minute, and without a write while all is well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from edge.core.card_words import CardStatus
from edge.shell.inbox import CardRoomChanged
from edge.shell.ledger import Ledger
from edge.shell.ration import Ration
from edge.shell.sound_cache import MIB, SoundCache

LOOK_EVERY_S = 30.0


class CardKeeper:
    """Gives up what nobody needs on a full card, and brings to it what waits in memory when it takes that again.

    Args:
        ledger: Waits for room.
        cache: Has what may go.
        ration: Knows what was fetched.
        on_event: Is told when the card is full, and when it is no more.
        look_every_s: How often it looks.

    Attributes:
        current: What it last saw.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        cache: SoundCache,
        ration: Ration,
        on_event: Callable[[CardRoomChanged], None],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._ledger = ledger
        self._cache = cache
        self._on_event = on_event
        self._ration = ration
        self._look_every_s = look_every_s
        self.current = self._look()

    async def run(self) -> None:
        """Looks for ever."""
        was_full = False
        while True:
            self._ledger.settle()
            if self._ledger.card_is_full:
                self._cache.clear_out()
                self._ledger.settle()
            if self._ledger.card_is_full != was_full:
                was_full = not was_full
                self._on_event(CardRoomChanged(is_full=was_full))
            self.current = self._look()
            await asyncio.sleep(self._look_every_s)

    def _look(self) -> CardStatus:
        figures = self._cache.figures()
        return CardStatus(
            free_mib=figures.free_bytes // MIB,
            sounds_mib=round(figures.bytes / MIB, 1),
            quota_mib=figures.quota_bytes // MIB,
            aside=figures.aside,
            all_read_since=figures.all_read_since,
            month_mib=round(self._ration.month_bytes() / MIB, 1),
            budget_mib=self._ration.rules.monthly_mib,
            rows_in_memory=self._ledger.in_memory,
        )
