"""Figures of the machine for the hub, every quarter of an hour."""

from __future__ import annotations

import asyncio

from contract.codec import encode
from contract.ports import Clock
from contract.status import TELEMETRY_INTERVAL_S, Telemetry
from contract.topics import Kind
from edge.shell.ledger import Ledger
from edge.shell.publisher import Publisher
from hardware.machine import Machine

FIRST_AFTER_S = 5.0


class Telemetrist:
    """Reads and sends.

    Args:
        clock: For the time of the reading.
        machine: Is read.
        ledger: Knows the surge count.
        link: The way to the hub; what it does not take is not kept.
    """

    def __init__(self, *, clock: Clock, machine: Machine, ledger: Ledger, link: Publisher) -> None:
        self._clock = clock
        self._machine = machine
        self._ledger = ledger
        self._link = link

    async def run(self) -> None:
        """Sends for ever."""
        await asyncio.sleep(FIRST_AFTER_S)
        while True:
            await self._link.publish(Kind.TELEMETRY, encode(self.read()), qos=0)
            await asyncio.sleep(TELEMETRY_INTERVAL_S)

    def read(self) -> Telemetry:
        """One reading."""
        figures = self._machine.read(self._clock.now())
        return Telemetry(
            at=self._clock.now(),  # of sending: a slow card may have made the reading long
            uptime_s=figures.uptime_s,
            cpu_pct=figures.cpu_pct,
            memory_free_mib=figures.memory_free_mib,
            disk_free_mib=figures.disk_free_mib,
            temperature_c=figures.temperature_c,
            sent_bytes=figures.sent_bytes,
            received_bytes=figures.received_bytes,
            surge_count=self._ledger.count("surges"),
        )
