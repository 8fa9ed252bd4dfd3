"""A cabinet's clock that can be wrong: host time plus an offset, with the trust that the world gives it."""

from __future__ import annotations

from datetime import datetime, timedelta

from contract.ports import ClockTrust
from hardware.clock import SystemClock


class SimulatedClock:
    """Wall time of a simulated cabinet; monotonic time is the host's."""

    def __init__(self, host: SystemClock) -> None:
        self._host = host
        self._offset = timedelta(0)
        self._trust = ClockTrust.UNKNOWN
        self._boot = 0

    def set(self, *, offset_s: float, synchronised: bool, rtc: bool, boot: int = 0) -> None:
        """What the world does to the clock: its error, what could vouch for it, which start of the machine it is."""
        self._offset = timedelta(seconds=offset_s)
        without_network = ClockTrust.RTC if rtc else ClockTrust.UNKNOWN
        self._trust = ClockTrust.SYNCHRONISED if synchronised else without_network
        self._boot = boot

    def now(self) -> datetime:
        """Wall time as this cabinet believes it, aware UTC."""
        return self._host.now() + self._offset

    def mono_ns(self) -> int:
        """The host's CLOCK_MONOTONIC."""
        return self._host.mono_ns()

    @property
    def boot_id(self) -> str:
        """The host's start, and which of the cabinet's within it."""
        return f"{self._host.boot_id}.{self._boot}"

    def trust(self) -> ClockTrust:
        """How far wall time may be believed."""
        return self._trust
