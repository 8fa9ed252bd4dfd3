"""The hub's only reader of time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class HubClock(Protocol):
    """Wall time for facts, monotonic time for durations."""

    def now(self) -> datetime:
        """Wall time, aware UTC."""
        ...

    def mono_ns(self) -> int:
        """Monotonic nanoseconds; never steps."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Wall time, aware UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the clock

    def mono_ns(self) -> int:
        """Monotonic nanoseconds; never steps."""
        return time.monotonic_ns()  # noqa: TID251 - this is the clock
