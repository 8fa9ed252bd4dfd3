"""The one place under `hardware` and `edge` where time is read."""

from __future__ import annotations

import ctypes
import struct
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from contract.ports import ClockTrust

STA_UNSYNC = 0x0040
"""adjtimex(2): the kernel says that its clock is not synchronised."""
RTC = Path("/sys/class/rtc/rtc0/hctosys")
"""Holds 1 when the kernel set its clock from this RTC at boot."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TIMEX_BYTES = 208
STATUS_OFFSET = struct.calcsize("@I4l")
"""`int status` comes behind `unsigned modes` and four longs, on 32 and 64 bit alike."""


class SystemClock:
    """The host's clock, as the kernel keeps it.

    Args:
        rtc: File in which the kernel says whether it took its time from the RTC.
    """

    def __init__(self, rtc: Path = RTC) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._rtc = rtc

    def now(self) -> datetime:
        """Wall time, aware UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the clock

    def mono_ns(self) -> int:
        """CLOCK_MONOTONIC in nanoseconds: for durations and for starting sound."""
        return time.monotonic_ns()  # noqa: TID251 - this is the clock

    def epoch_ns(self) -> int:
        """Wall time as nanoseconds since the epoch."""
        return time.time_ns()  # noqa: TID251 - this is the clock

    @property
    def boot_id(self) -> str:
        """Names this start of the machine; empty where the kernel does not."""
        try:
            return BOOT_ID.read_text().strip()
        except OSError:
            return ""

    def trust(self) -> ClockTrust:
        """How far wall time may be believed."""
        return trust_of(self.kernel_status(), _came_from_rtc(self._rtc))

    def kernel_status(self) -> int:
        """`status` of adjtimex(2), which changes nothing; unsynchronised where the kernel does not tell."""
        timex = ctypes.create_string_buffer(TIMEX_BYTES)
        if self._libc.adjtimex(timex) < 0:
            return STA_UNSYNC
        return int.from_bytes(timex.raw[STATUS_OFFSET : STATUS_OFFSET + 4], sys.byteorder)


def trust_of(kernel_status: int, came_from_rtc: bool) -> ClockTrust:  # noqa: FBT001 - two facts, one answer
    """How far the host's wall time may be believed, from what the kernel says of it."""
    if not kernel_status & STA_UNSYNC:
        return ClockTrust.SYNCHRONISED
    return ClockTrust.RTC if came_from_rtc else ClockTrust.UNKNOWN


def _came_from_rtc(rtc: Path) -> bool:
    try:
        return rtc.read_text().strip() == "1"
    except OSError:
        return False
