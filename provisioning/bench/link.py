"""Both halves of a cluster's link: messages (MQTT) and sounds (HTTP)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from provisioning.bench.forwarder import Forwarder, Lanes, Traffic
from provisioning.bench.happenings import Part

MODEM = "modem"
"""The modem as the cause of a cut."""


class Link:
    """The link of one cluster. Use it with `async with`.

    Args:
        mqtt: Host and port of the hub's broker.
        http: Host and port of the hub's pages and sounds.
        seed: Of random loss.
        ports: Ports to listen on, for messages and for sounds; 0: any.
    """

    def __init__(
        self,
        mqtt: tuple[str, int],
        http: tuple[str, int],
        *,
        seed: int = 0,
        ports: tuple[int, int] = (0, 0),
    ) -> None:
        lanes = Lanes()
        self.messages = Forwarder(mqtt, seed=seed, port=ports[0], lanes=lanes)
        self.sounds = Forwarder(http, seed=seed + 1, port=ports[1], lanes=lanes)
        self._stack = AsyncExitStack()
        self.is_down = False

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.messages)
        await self._stack.enter_async_context(self.sounds)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @property
    def mqtt_address(self) -> str:
        """HOST:PORT at which the cluster finds the broker."""
        return f"127.0.0.1:{self.messages.port}"

    @property
    def media_url(self) -> str:
        """Where the cluster finds sounds."""
        return f"http://127.0.0.1:{self.sounds.port}"

    def cut(self, part: Part = "all") -> None:
        """Nothing passes any more."""
        self.is_down = True
        for half in self._halves(part):
            half.cut()

    def restore(self, part: Part = "all") -> None:
        """A good link again."""
        self.is_down = False
        for half in self._halves(part):
            half.restore()

    def set_modem(self, *, carries: bool) -> None:
        """The cabinet's modem carries, or nothing passes whatever else the link is."""
        for half in self._halves("all"):
            half.lift(MODEM) if carries else half.cut(MODEM)

    def slow(self, *, latency_ms: float, bytes_per_s: float, part: Part = "all") -> None:
        """Delays and throttles."""
        for half in self._halves(part):
            half.slow(latency_ms=latency_ms, bytes_per_s=bytes_per_s)

    def lose(self, loss_pct: float, part: Part = "all") -> None:
        """Loses segments at random."""
        for half in self._halves(part):
            half.lose(loss_pct)

    def traffic(self) -> Traffic:
        """All that the link carried."""
        total = Traffic()
        for half in self._halves("all"):
            total.add(half.traffic())
        return total

    def _halves(self, part: Part) -> Iterator[Forwarder]:
        if part in ("all", "messages"):
            yield self.messages
        if part in ("all", "sounds"):
            yield self.sounds
