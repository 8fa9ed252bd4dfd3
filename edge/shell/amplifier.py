"""The amplifier as the loop sees it: on since when, whether its relay obeys, and when its guard last acted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from contract.ports import Clock
from hardware.relay import AmplifierRelay, RelayError

log = logging.getLogger(__name__)


class Amplifier:
    """Drives the relay, and remembers.

    Attributes:
        on_at: When it was switched on; None: it is off.
        guard_tripped_at: When the relay's guard last switched it off.
        relay_failed: Whether the relay did not obey when it was last driven.
    """

    def __init__(self, clock: Clock, relay: AmplifierRelay) -> None:
        self._clock = clock
        self._relay = relay
        self.on_at: datetime | None = None
        self.guard_tripped_at: datetime | None = None
        self.relay_failed = False

    def turn_on(self) -> None:
        """Switches on; `on_at` tells whether it did."""
        if self._obeys(self._relay.turn_on):
            self.on_at = self._clock.now()

    def turn_off(self) -> None:
        """Switches off; a relay that does not let go is still on."""
        if self._obeys(self._relay.turn_off):
            self.on_at = None

    def guard_tripped(self) -> None:
        """The relay's guard has switched it off by itself."""
        self.on_at = None
        self.guard_tripped_at = self._clock.now()

    def shift(self, step: timedelta) -> None:
        """The wall clock stepped."""
        self.on_at = moved(self.on_at, step)
        self.guard_tripped_at = moved(self.guard_tripped_at, step)

    def _obeys(self, drive: Callable[[], None]) -> bool:
        """Whether the relay does as told; said once when it begins not to, and once when it does again."""
        try:
            drive()
        except RelayError as error:
            if not self.relay_failed:
                log.error("amplifier relay: %s", error)
            self.relay_failed = True
            return False
        if self.relay_failed:
            log.warning("the amplifier's relay obeys again")
        self.relay_failed = False
        return True


def moved(at: datetime | None, step: timedelta) -> datetime | None:
    """An instant by the time that the clock was set to."""
    return None if at is None else at + step
