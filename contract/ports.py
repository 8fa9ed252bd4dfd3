"""What the programs need from outside, as abilities: each has a real and a simulated implementation."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ClockTrust(StrEnum):
    """How wall time came to be known, best first."""

    SYNCHRONISED = "synchronised"
    RTC = "rtc"
    CELL = "cell"
    LAST_SAVED = "last_saved"
    UNKNOWN = "unknown"

    @property
    def is_trusted(self) -> bool:
        """Whether timed items may play: a saved time is a lower bound only, hours may be missing."""
        return self in (ClockTrust.SYNCHRONISED, ClockTrust.RTC, ClockTrust.CELL)


class Clock(Protocol):
    """Wall time for deciding, monotonic time for durations."""

    def now(self) -> datetime:
        """Wall time, aware UTC."""
        ...

    def mono_ns(self) -> int:
        """Monotonic nanoseconds; never steps."""
        ...

    def trust(self) -> ClockTrust:
        """How far `now()` may be believed."""
        ...


class HostClock(Clock, Protocol):
    """The clock of a machine: the system's, with the kernel's word on it."""

    @property
    def boot_id(self) -> str:
        """Names this start of the machine; monotonic time begins anew with each."""
        ...


class CellTime(Protocol):
    """Asks the cell network for the time."""

    async def read(self) -> datetime | None:
        """What the network says it is now, aware UTC, to half a second; None: it has not said."""
        ...
