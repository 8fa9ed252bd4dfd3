"""Brings journal rows to the hub: in batches, again and again, until the hub says that it holds them."""

from __future__ import annotations

import asyncio
import logging

from contract.codec import encode_batch
from contract.topics import Kind
from edge.shell.ledger import Ledger
from edge.shell.publisher import Publisher
from edge.shell.waiting import comes

log = logging.getLogger(__name__)

GATHER_S = 0.5
BATCH_BYTES = 32 * 1024
LEAST_BATCH_BYTES = 1024
"""What a thin link does not take whole within the link's patience, it takes in smaller pieces."""
ANSWER_S = 10.0
LONGEST_ANSWER_S = 300.0


class Outbox:
    """Sends what waits in the ledger.

    Args:
        ledger: Holds the rows until they are acknowledged, and after.
        link: The way to the hub.
        gather_s: Rows that come within this travel together.
    """

    def __init__(self, ledger: Ledger, link: Publisher, *, gather_s: float = GATHER_S) -> None:
        self._ledger = ledger
        self._link = link
        self._gather_s = gather_s
        self._poke = asyncio.Event()
        self._answered = asyncio.Event()
        self._batch_bytes = BATCH_BYTES

    def poke(self) -> None:
        """There are new rows."""
        self._poke.set()

    def link_is_up(self) -> None:
        """A new connection: what the last one was to answer is asked anew, at once."""
        self._answered.set()
        self._poke.set()

    def acknowledged(self) -> None:
        """The hub holds more than before; the ledger knows what."""
        self._answered.set()
        self._poke.set()

    async def run(self) -> None:
        """Delivers for ever."""
        while True:
            await self._poke.wait()
            await asyncio.sleep(self._gather_s)
            self._poke.clear()
            await self._deliver()

    async def _deliver(self) -> None:
        """Sends batch after batch; without an answer it asks again, ever more rarely, until poked."""
        patience_s = ANSWER_S
        while batch := self._ledger.batch_waiting(max_bytes=self._batch_bytes):
            self._answered.clear()
            if not self._ledger.going_out(batch):
                return  # poked again once the card has answered
            is_sent = await self._link.publish(Kind.JOURNAL, encode_batch(batch))
            size = self._batch_bytes * 2 if is_sent else self._batch_bytes // 2
            self._batch_bytes = max(LEAST_BATCH_BYTES, min(size, BATCH_BYTES))
            if is_sent and await comes(self._answered, patience_s):
                patience_s = ANSWER_S
            else:
                patience_s = min(LONGEST_ANSWER_S, patience_s * 2)
                self._poke.clear()
                await comes(self._poke, patience_s)
