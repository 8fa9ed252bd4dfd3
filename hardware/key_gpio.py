"""The cabinet's key by GPIO: three contacts against ground, told together once they keep still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from hardware.board import InputPin, KeyPins
from hardware.events import KeyMoved
from hardware.pin_error import PinError


class KeySensor:
    """Watches the key's contacts. gpiozero calls in a thread of its own; events come out in the event loop.

    Args:
        pins: Where they are wired.
        factory: gpiozero pin factory.
        on_event: Is told which contacts are closed, at the start and whenever that has changed and kept still.

    Raises:
        PinError: On entering: a pin cannot be read.
    """

    def __init__(
        self,
        pins: KeyPins,
        factory: Any,  # noqa: ANN401 - gpiozero has no types
        on_event: Callable[[KeyMoved], None],
    ) -> None:
        self._pins = pins
        self._factory = factory
        self._on_event = on_event
        self._devices: list[Any] = []
        self._settling: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: KeyMoved | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        for pin in self._pins.all:
            device = self._open(pin)
            device.when_activated = device.when_deactivated = self._hand_over
        self._loop.call_soon(self._moved)
        return self

    def _open(self, pin: InputPin) -> Any:  # noqa: ANN401 - gpiozero has no types
        from gpiozero import DigitalInputDevice  # noqa: PLC0415 - a command without pins does not load it

        try:
            device = DigitalInputDevice(pin.gpio, pull_up=True, pin_factory=self._factory)
        except Exception as error:  # gpiozero's back-ends raise many kinds
            self._close()
            raise PinError(f"contact {pin.name} (GPIO{pin.gpio}): {error}") from error
        self._devices.append(device)
        return device

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._settling is not None:
            self._settling.cancel()
        self._close()

    def _close(self) -> None:
        while self._devices:
            self._devices.pop().close()

    def _hand_over(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._moved)

    def _moved(self) -> None:
        """The contacts count once all of them have kept still for their debounce time."""
        if self._settling is not None:
            self._settling.cancel()
        if self._loop is not None:
            self._settling = self._loop.call_later(self._pins.turned.debounce_s, self._settled)

    def _settled(self) -> None:
        if not self._devices:
            return
        turned, rest, stop = (bool(device.is_active) for device in self._devices)
        said = KeyMoved(turned=turned, rest=rest, stop=stop)
        if said != self._told:
            self._told = said
            self._on_event(said)
