"""The modem as the far end feels it: whether a cabinet's uplink carries anything."""

from __future__ import annotations

import asyncio
import json


class Uplink:
    """Carries while it has supply, has booted and does not hang. What hangs, only a loss of supply wakes."""

    def __init__(self) -> None:
        self._has_supply = True
        self._hangs = False
        self._boot_s = 0.0
        self._booting: asyncio.TimerHandle | None = None
        self._listeners: set[asyncio.StreamWriter] = set()

    @property
    def carries(self) -> bool:
        """Whether anything passes."""
        return self._has_supply and not self._hangs and self._booting is None

    def hang(self, boot_s: float) -> None:
        """Carries nothing more; after the next loss of supply it boots for so long."""
        self._hangs, self._boot_s = True, boot_s
        self._tell()

    def supply(self, *, on: bool) -> None:
        """Its relay, or the cabinet's power, gives it supply or takes it away."""
        if on is self._has_supply:
            return
        self._has_supply, self._hangs = on, False
        if self._booting is not None:
            self._booting.cancel()
            self._booting = None
        if on and self._boot_s:
            self._booting = asyncio.get_running_loop().call_later(self._boot_s, self._booted)
        self._tell()

    def _booted(self) -> None:
        self._booting = None
        self._tell()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tells a listener whether it carries, now and at each change, until the listener goes."""
        self._listeners.add(writer)
        try:
            writer.write(self._line())
            await reader.read()
        finally:
            self._listeners.discard(writer)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener.write(self._line())

    def _line(self) -> bytes:
        return json.dumps({"carries": self.carries}).encode() + b"\n"
