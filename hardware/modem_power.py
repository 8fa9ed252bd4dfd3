"""The modem's supply: taken away for a while when nothing else helps."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Any, Protocol, Self

from hardware.board import RelayPin
from hardware.events import RelayGuardTripped
from hardware.relay import GpioRelay

log = logging.getLogger(__name__)


class ModemPower(Protocol):
    """Takes the modem's supply away and gives it back. With supply is its safe state."""

    async def cycle(self, off_s: float) -> None:
        """Takes the supply away for so long; it is back on every way out.

        Raises:
            RelayError: The pin could not be driven.
        """
        ...


class GpioModemPower:
    """A relay in whose normally closed contact the modem hangs.

    Closed, killed or tripped by its guard, the relay is at rest and the modem has power.

    Args:
        pin: Where the relay is wired.
        factory: gpiozero pin factory: the Pi's own, or a simulated one.
    """

    def __init__(self, pin: RelayPin, factory: Any) -> None:  # noqa: ANN401 - gpiozero has no types
        self._relay = GpioRelay(pin, factory, self._tripped)

    def __enter__(self) -> Self:
        self._relay.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._relay.__exit__(kind, error, tb)

    async def cycle(self, off_s: float) -> None:
        """Takes the supply away for so long."""
        try:
            self._relay.turn_on()
            await asyncio.sleep(off_s)
        finally:
            self._relay.turn_off()

    @staticmethod
    def _tripped(trip: RelayGuardTripped) -> None:
        log.error("the guard gave the modem its supply back: %s", trip.why)
