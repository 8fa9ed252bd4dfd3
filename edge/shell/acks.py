"""Tells the hub how far commands have come, in order, and keeps what the link does not take."""

from __future__ import annotations

import asyncio
from collections import deque

from contract.codec import encode
from contract.command import Ack, Stage
from contract.ports import Clock
from contract.topics import Kind
from edge.shell.publisher import Publisher
from edge.shell.waiting import comes

KEPT = 200
"""What is kept while the link is down: the journal has the whole course, so the oldest may go."""
AGAIN_S = 5.0


class Acks:
    """Acknowledgements on their way.

    Args:
        clock: Their time.
        link: The way to the hub.
    """

    def __init__(self, *, clock: Clock, link: Publisher) -> None:
        self._clock = clock
        self._link = link
        self._waiting: deque[Ack] = deque(maxlen=KEPT)
        self._poke = asyncio.Event()

    def say(self, command: str, stage: Stage, reason: str = "") -> None:
        """A command has come so far."""
        self._waiting.append(Ack(command=command, stage=stage, at=self._clock.now(), reason=reason))
        self._poke.set()

    def link_is_up(self) -> None:
        """What was kept may go now."""
        self._poke.set()

    async def run(self) -> None:
        """Sends for ever."""
        while True:
            await self._poke.wait()
            self._poke.clear()
            while self._waiting:
                ack = self._waiting[0]
                if not await self._link.publish(Kind.ACK, encode(ack)):
                    await comes(self._poke, AGAIN_S)
                    self._poke.clear()
                elif self._waiting and self._waiting[0] is ack:
                    self._waiting.popleft()
