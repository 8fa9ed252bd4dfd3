"""Wakes whoever has work waiting in the store."""

from __future__ import annotations

import asyncio


class Bell:
    """A bell, not a queue: the work itself lies in the store."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Something waits."""
        self._rung.set()

    async def wait(self) -> None:
        """Returns once something waits; what rang before counts too."""
        await self._rung.wait()
        self._rung.clear()
