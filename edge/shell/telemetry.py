"""Figures of the machine for the hub, every quarter of an hour and when a fault begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from contract.codec import encode
from contract.ports import Clock
from contract.status import TELEMETRY_INTERVAL_S, Telemetry
from contract.topics import Kind
from edge.shell.ledger import Ledger
from edge.shell.publisher import Publisher
from edge.shell.waiting import comes
from hardware.health import Health
from hardware.machine import MIB, Machine

FIRST_AFTER_S = 5.0
PAUSE_S = 30.0
"""At least so long between two, whatever begins meanwhile."""


class Telemetrist:
    """Reads and sends.

    Args:
        clock: For the time of the reading.
        machine: Is read.
        health: Card and supply at the last look.
        fault_begun: Set when a fault begins.
        month_bytes: Of sounds, fetched this month.
        ledger: Knows the surge count.
        link: The way to the hub; what it does not take is not kept.
        pause_s: At least so long between two.
    """

    def __init__(  # noqa: PLR0913 - each part by its name
        self,
        *,
        clock: Clock,
        machine: Machine,
        health: Callable[[], Health],
        fault_begun: asyncio.Event,
        month_bytes: Callable[[], int],
        ledger: Ledger,
        link: Publisher,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._clock = clock
        self._machine = machine
        self._health = health
        self._fault_begun = fault_begun
        self._month_bytes = month_bytes
        self._pause_s = pause_s
        self._ledger = ledger
        self._link = link

    async def run(self) -> None:
        """Sends for ever."""
        await asyncio.sleep(min(FIRST_AFTER_S, self._pause_s))
        while True:
            self._fault_begun.clear()
            await self._link.publish(Kind.TELEMETRY, encode(self.read()), qos=0)
            await asyncio.sleep(self._pause_s)
            await comes(self._fault_begun, TELEMETRY_INTERVAL_S - self._pause_s)

    def read(self) -> Telemetry:
        """One reading."""
        figures, health = self._machine.read(), self._health()
        return Telemetry(
            at=self._clock.now(),  # of sending: a slow card may have made the reading long
            uptime_s=figures.uptime_s,
            cpu_pct=figures.cpu_pct,
            memory_free_mib=figures.memory_free_mib,
            disk_free_mib=figures.disk_free_mib,
            temperature_c=health.temperature_c,
            sent_bytes=figures.sent_bytes,
            received_bytes=figures.received_bytes,
            surge_count=self._ledger.count("surges"),
            month_fetched_mib=round(self._month_bytes() / MIB, 2),
            filesystem_errors=health.filesystem_errors,
            card_life_used_pct=health.life_used_pct,
            card_write_ms=round(health.canary.write_ms, 1) if health.canary else None,
            under_voltage=health.under_voltage,
        )
