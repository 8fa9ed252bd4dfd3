"""Brings journal rows to the hub: in batches, again and again, until the hub says that it holds them."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from contract.codec import encode
from contract.journal import JournalBatch
from contract.topics import Kind
from edge.shell.ledger import Ledger
from edge.shell.reporting import Publisher

log = logging.getLogger(__name__)

GATHER_S = 0.5
"""Rows that come within this travel together."""
BATCH_BYTES = 32 * 1024
ANSWER_S = 10.0
LONGEST_ANSWER_S = 300.0


class Outbox:
    """Sends what waits in the ledger.

    Args:
        ledger: Holds the rows until they are acknowledged, and after.
        link: The way to the hub.
    """

    def __init__(self, ledger: Ledger, link: Publisher) -> None:
        self._ledger = ledger
        self._link = link
        self._poke = asyncio.Event()
        self._answered = asyncio.Event()

    def poke(self) -> None:
        """There are new rows, or the link is back."""
        self._poke.set()

    def acknowledged(self) -> None:
        """The hub answered; the ledger knows what it holds."""
        self._answered.set()

    async def run(self) -> None:
        """Delivers for ever."""
        while True:
            await self._poke.wait()
            await asyncio.sleep(GATHER_S)
            self._poke.clear()
            await self._deliver()

    async def _deliver(self) -> None:
        """Sends batch after batch; without an answer it asks again, ever more rarely, until poked."""
        patience_s = ANSWER_S
        while rows := self._ledger.rows_waiting(max_bytes=BATCH_BYTES):
            self._answered.clear()
            batch = JournalBatch(epoch=self._ledger.epoch, rows=tuple(rows))
            if not await self._link.publish(Kind.JOURNAL, encode(batch)):
                return
            try:
                await asyncio.wait_for(self._answered.wait(), patience_s)
            except TimeoutError:
                patience_s = min(LONGEST_ANSWER_S, patience_s * 2)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._poke.wait(), patience_s)
