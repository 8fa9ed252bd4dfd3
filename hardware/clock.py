"""The one place under `hardware` and `edge` where time is read."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from contract.ports import ClockTrust


class SystemClock:
    """The host's clock, as the kernel keeps it."""

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
        """How far wall time may be believed (the kernel's own synchronisation state)."""
        return kernel_trust()


def kernel_trust() -> ClockTrust:
    """Reads whether the kernel says that its clock is synchronised."""
    return ClockTrust.SYNCHRONISED
