"""The amplifier's relay, with the last guard against one that stays on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from hardware.board import RelayPin
from hardware.events import RelayGuardTripped


class RelayError(RuntimeError):
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
        if self._device is not None:
            self._device.off()
            self._device.close()
            self._device = None

    @property
    def is_on(self) -> bool:
        """Whether the pin is driven on."""
        return self._device is not None and bool(self._device.value)

    def turn_on(self) -> None:
        """Switches on and arms the guard."""
        self._drive(on=True)
        if self._guard is None:
            self._guard = asyncio.get_running_loop().call_later(self._pin.max_on_s, self._trip)

    def turn_off(self) -> None:
        """Switches off."""
        self._disarm()
        self._drive(on=False)

    def _drive(self, *, on: bool) -> None:
        if self._device is None:
            raise RelayError(f"relay {self._pin.name} is closed")
        try:
            self._device.on() if on else self._device.off()
        except Exception as error:  # gpiozero's back-ends raise many kinds
            raise RelayError(f"relay {self._pin.name} (GPIO{self._pin.gpio}): {error}") from error

    def _disarm(self) -> None:
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None

    def _trip(self) -> None:
        self._guard = None
        self._drive(on=False)
        self._on_trip(
            RelayGuardTripped(relay=self._pin.name, why=f"on for {self._pin.max_on_s:.0f} s")
        )
