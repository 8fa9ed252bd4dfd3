"""The one place under `hardware` and `edge` where time is read."""

from __future__ import annotations

import ctypes
import struct
import time
from datetime import UTC, datetime
from pathlib import Path

from contract.ports import ClockTrust

STA_UNSYNC = 0x0040
"""adjtimex(2): the kernel says that its clock is not synchronised."""
RTC = Path("/sys/class/rtc/rtc0/hctosys")
"""Holds 1 when the kernel set its clock from this RTC at boot."""
TIMEX_BYTES = 208
STATUS_OFFSET = struct.calcsize("@I4l")
"""`int status` comes behind `unsigned modes` and four longs, on 32 and 64 bit alike."""


class SystemClock:
    """The host's clock, as the kernel keeps it."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None)

    def now(self) -> datetime:
        """Wall time, aware UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the clock

    def mono_ns(self) -> int:
        """CLOCK_MONOTONIC in nanoseconds: for durations and for starting sound."""
        return time.monotonic_ns()  # noqa: TID251 - this is the clock

    def epoch_ns(self) -> int:
        """Wall time as nanoseconds since the epoch."""
        return time.time_ns()  # noqa: TID251 - this is the clock

    def trust(self) -> ClockTrust:
        """How far wall time may be believed."""
        if self._is_synchronised():
            return ClockTrust.SYNCHRONISED
        return ClockTrust.RTC if _came_from_rtc() else ClockTrust.UNKNOWN

    def _is_synchronised(self) -> bool:
        """Asks the kernel by adjtimex(2); every field but `status` is left alone."""
        timex = ctypes.create_string_buffer(TIMEX_BYTES)
        if self._libc.adjtimex(timex) < 0:
            return False
        status = int.from_bytes(timex.raw[STATUS_OFFSET : STATUS_OFFSET + 4], "little")
        return not status & STA_UNSYNC


def _came_from_rtc() -> bool:
    try:
        return RTC.read_text().strip() == "1"
    except OSError:
        return False
