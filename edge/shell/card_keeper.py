"""Looks after the room on the card: twice a minute, and without a write while all is well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from edge.shell.inbox import CardRoomChanged
from edge.shell.ledger import Ledger
from edge.shell.sound_cache import SoundCache

LOOK_EVERY_S = 30.0


class CardKeeper:
    """Gives up what nobody needs on a full card, and brings to it what waits in memory when it takes that again.

    Args:
        ledger: Waits for room.
        cache: Has what may go.
        on_event: Is told when the card is full, and when it is no more.
        look_every_s: How often it looks.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        cache: SoundCache,
        on_event: Callable[[CardRoomChanged], None],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._ledger = ledger
        self._cache = cache
        self._on_event = on_event
        self._look_every_s = look_every_s

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
            await asyncio.sleep(self._look_every_s)
