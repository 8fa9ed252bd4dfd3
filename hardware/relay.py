"""The amplifier's relay, with the last guard against one that stays on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from hardware.board import RelayPin
from hardware.events import RelayGuardTripped
from hardware.pin_error import PinError

log = logging.getLogger(__name__)

TRY_AGAIN_S = 1.0
"""A guard whose pin does not obey tries again so soon, for as long as it takes."""


class RelayError(PinError):
    """A relay's pin could not be driven."""


class AmplifierRelay(Protocol):
    """Lets sound out. Off is its safe state."""

    def turn_on(self) -> None:
        """Switches on; nothing happens when it is on.

        Raises:
            RelayError: The pin could not be driven.
        """
        ...

    def turn_off(self) -> None:
        """Switches off; nothing happens when it is off.

        Raises:
            RelayError: The pin could not be driven.
        """
        ...

    @property
    def is_on(self) -> bool:
        """Whether the pin is driven on."""
        ...


class GpioRelay:
    """A relay on a GPIO pin, by gpiozero. Off from the first instant, and off again when it is left.

    The guard counts from the moment of switching on and does not listen to decisions: after `max_on_s` it is off.

    Args:
        pin: Where it is wired.
        factory: gpiozero pin factory: the Pi's own, or a simulated one.
        on_trip: Is told when the guard has acted.
    """

    def __init__(
        self,
        pin: RelayPin,
        factory: Any,  # noqa: ANN401 - gpiozero has no types
        on_trip: Callable[[RelayGuardTripped], None],
    ) -> None:
        self._pin = pin
        self._factory = factory
        self._on_trip = on_trip
        self._device: Any = None
        self._guard: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        from gpiozero import OutputDevice  # noqa: PLC0415 - a command without pins does not load it

        try:
            self._device = OutputDevice(
                self._pin.gpio,
                active_high=self._pin.active_high,
                initial_value=False,
                pin_factory=self._factory,
            )
        except Exception as error:  # gpiozero's back-ends raise many kinds
            raise RelayError(f"relay {self._pin.name} (GPIO{self._pin.gpio}): {error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._disarm()
        device, self._device = self._device, None
        if device is not None:
            try:
                device.off()
            finally:
                device.close()

    @property
    def is_on(self) -> bool:
        """Whether the pin is driven on."""
        return self._device is not None and bool(self._device.value)

    def turn_on(self) -> None:
        """Arms the guard and switches on."""
        if self._guard is None and self._device is not None:
            self._arm(self._pin.max_on_s)
        self._drive(on=True)

    def turn_off(self) -> None:
        """Switches off; the guard stays armed for a pin that does not obey."""
        self._drive(on=False)
        self._disarm()

    def _drive(self, *, on: bool) -> None:
        if self._device is None:
            raise RelayError(f"relay {self._pin.name} is closed")
        try:
            self._device.on() if on else self._device.off()
        except Exception as error:  # gpiozero's back-ends raise many kinds
            raise RelayError(f"relay {self._pin.name} (GPIO{self._pin.gpio}): {error}") from error

    def _arm(self, after_s: float) -> None:
        self._guard = asyncio.get_running_loop().call_later(after_s, self._trip)

    def _disarm(self) -> None:
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None

    def _trip(self) -> None:
        self._guard = None
        why = f"on for {self._pin.max_on_s:.0f} s"
        try:
            self._drive(on=False)
        except RelayError as error:
            log.critical("the guard cannot switch a relay off, trying again: %s", error)
            self._arm(TRY_AGAIN_S)
            return
        self._on_trip(RelayGuardTripped(relay=self._pin.name, why=why))
