"""The way to the hub, as those see it who have something to say."""

from __future__ import annotations

from typing import Protocol

from contract.topics import Kind


class Publisher(Protocol):
    """The part of the link that they need."""

    async def publish(
        self, kind: Kind, payload: bytes, *, retain: bool = False, qos: int = 1
    ) -> bool:
        """Hands a message over; False when the link is down."""
        ...
