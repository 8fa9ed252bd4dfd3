"""The far end of a cabinet's modem, as far as its clock goes: it answers in the words of a real one."""

from __future__ import annotations

from datetime import timedelta, timezone

from hardware.cell_time import ASK
from hardware.clock import SystemClock

ZONE = timezone(timedelta(hours=7))
NEVER_SET = '+CCLK: "80/01/06,00:00:00+00"'
"""What a modem says that has heard no network since it got power."""


class SimulatedModem:
    """Tells the time of a simulated network: the host's plus an error, in the zone of Vietnam.

    Args:
        host: Its time.

    Attributes:
        offset_s: How far the network's time is off; None: the network gives none.
    """

    def __init__(self, host: SystemClock) -> None:
        self._host = host
        self.offset_s: float | None = None

    async def ask(self, line: str) -> str:
        """Answers one command."""
        return f"\r\n{self._clock_line()}\r\n\r\nOK\r\n" if line == ASK else "\r\nERROR\r\n"

    def _clock_line(self) -> str:
        if self.offset_s is None:
            return NEVER_SET
        at = (self._host.now() + timedelta(seconds=self.offset_s)).astimezone(ZONE)
        return f'+CCLK: "{at:%y/%m/%d,%H:%M:%S}+28"'
