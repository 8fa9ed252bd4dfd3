"""Watches card and supply: a look every minute, a canary every hour, each on a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec.structs import replace

from contract.fault import FaultCode
from edge.shell.inbox import HealthChanged
from edge.shell.own_thread import on_own_thread
from hardware.health import SLOW_MS, Canary, Health, faults_of

FIRST_CANARY_S = 60.0
CANARY_EVERY_S = 3600.0
"""Each costs the card 4 KiB of data and what the file system notes about it: less than 400 kB a day."""


QUICK_FOR_S = 1800.0
"""A card that took seconds for a write counts as slow until it has been quick for so long: each time that the fault
comes or goes, a row of it is one more slow write."""


class HealthSensor(Protocol):
    """The part of `hardware.health_sysfs.MachineHealth` that is needed here."""

    def wait(self) -> None:
        """Blocks until it is worth a look."""
        ...

    def read(self) -> Health:
        """One reading, without a canary."""
        ...


class HealthWatch:
    """Reads, judges, and tells when the judgement changes.

    Args:
        sensor: Is read.
        send_canary: Writes to the card and reads back; may block for as long as the card wants.
        write_ms: How long the ledger's last write took, or takes so far: what is written anyway is a canary too.
        on_event: Is told every change of what is wrong.

    Attributes:
        current: The last reading, with the last canary.
    """

    def __init__(
        self,
        *,
        sensor: HealthSensor,
        send_canary: Callable[[], Canary | None],
        write_ms: Callable[[], float | None] = lambda: None,
        on_event: Callable[[HealthChanged], None],
    ) -> None:
        self._sensor = sensor
        self._send_canary = send_canary
        self._write_ms = write_ms
        self._on_event = on_event
        self._faults: Mapping[FaultCode, str] = {}
        self._canary: Canary | None = None
        self._canary_out_since_s: float | None = None
        self._slow: tuple[float, float] | None = None
        self.current = Health()

    async def run(self) -> None:
        """Watches for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look(), name="health")
            tasks.create_task(self._keep_canary(), name="canary")

    async def _look(self) -> None:
        while True:
            reading = await on_own_thread("health", self._sensor.read)
            self.current = replace(reading, canary=self._canary_now())
            found = faults_of(self.current, self._faults)
            if found.keys() != self._faults.keys():
                self._on_event(HealthChanged(faults=found))
            self._faults = found
            await on_own_thread("health", self._sensor.wait)

    async def _keep_canary(self) -> None:
        await asyncio.sleep(FIRST_CANARY_S)
        while True:
            self._canary_out_since_s = _now_s()
            try:
                self._canary = await on_own_thread("canary", self._send_canary) or self._canary
            finally:
                self._canary_out_since_s = None
            await asyncio.sleep(CANARY_EVERY_S)

    def _canary_now(self) -> Canary | None:
        """The last one; one that is out for too long counts as it is so far, and so does what the ledger writes."""
        write_ms = self._write_ms()
        if write_ms is not None and write_ms >= SLOW_MS:
            self._slow = (_now_s(), write_ms)
        if self._slow is not None and _now_s() - self._slow[0] < QUICK_FOR_S:
            return Canary(write_ms=self._slow[1])
        if self._canary_out_since_s is None:
            return self._canary
        so_far_ms = (_now_s() - self._canary_out_since_s) * 1000
        return Canary(write_ms=so_far_ms) if so_far_ms >= SLOW_MS else self._canary


def _now_s() -> float:
    return asyncio.get_running_loop().time()
