"""The surge arrester: its remote contact and its counter, read by GPIO and debounced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from hardware.board import InputPin
from hardware.events import ArresterChanged, SurgeCounted
from hardware.pin_error import PinError


class SurgeSensor:
    """Watches contact and counter. gpiozero calls in a thread of its own; events come out in the event loop.

    Both contacts are against ground with a pull-up: a closed loop reads low. The arrester's loop is closed while it
    is whole, so that a cut wire alarms like a dead arrester.

    Args:
        arrester: Pin of the remote contact.
        pulse: Pin of the surge counter.
        factory: gpiozero pin factory.
        on_event: Is told what happens.

    Raises:
        PinError: On entering: a pin cannot be read.
    """

    def __init__(
        self,
        arrester: InputPin,
        pulse: InputPin,
        factory: Any,  # noqa: ANN401 - gpiozero has no types
        on_event: Callable[[ArresterChanged | SurgeCounted], None],
    ) -> None:
        self._arrester_pin = arrester
        self._pulse_pin = pulse
        self._factory = factory
        self._on_event = on_event
        self._devices: list[Any] = []
        self._settling: asyncio.TimerHandle | None = None
        self._quiet: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: bool | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        contact = self._open(self._arrester_pin)
        counter = self._open(self._pulse_pin)
        contact.when_activated = contact.when_deactivated = self._soon(self._contact_moved)
        counter.when_activated = self._soon(self._pulse_closed)
        counter.when_deactivated = self._soon(self._pulse_moved)
        self._loop.call_soon(self._contact_moved)
        return self

    def _open(self, pin: InputPin) -> Any:  # noqa: ANN401 - gpiozero has no types
        from gpiozero import DigitalInputDevice  # noqa: PLC0415 - a command without pins does not load it

        try:
            device = DigitalInputDevice(pin.gpio, pull_up=True, pin_factory=self._factory)
        except Exception as error:  # gpiozero's back-ends raise many kinds
            self._close_devices()
            raise PinError(f"contact {pin.name} (GPIO{pin.gpio}): {error}") from error
        self._devices.append(device)
        return device

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for timer in (self._settling, self._quiet):
            if timer is not None:
                timer.cancel()
        self._close_devices()

    def _close_devices(self) -> None:
        while self._devices:
            self._devices.pop().close()

    def _soon(self, act: Callable[[], None]) -> Callable[[], None]:
        def hand_over() -> None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(act)

        return hand_over

    @property
    def is_closed(self) -> bool:
        """Whether the arrester's loop is closed now, without debouncing."""
        return bool(self._devices and self._devices[0].is_active)

    def _contact_moved(self) -> None:
        """The contact counts once it has kept still for its debounce time."""
        if self._settling is not None:
            self._settling.cancel()
        if self._loop is not None:
            self._settling = self._loop.call_later(
                self._arrester_pin.debounce_s, self._contact_settled
            )

    def _contact_settled(self) -> None:
        if self._devices and self.is_closed != self._told:
            self._told = self.is_closed
            self._on_event(ArresterChanged(ok=self._told))

    @property
    def is_pulse_closed(self) -> bool:
        """Whether the counter's contact is closed now, without debouncing; it rests open."""
        return bool(self._devices and self._devices[-1].is_active)

    def _pulse_closed(self) -> None:
        """Closing counts when the contact had kept still before: it bounces when it closes and when it opens."""
        if self._quiet is None:
            self._on_event(SurgeCounted())
        self._pulse_moved()

    def _pulse_moved(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
        if self._loop is not None and self._devices:
            self._quiet = self._loop.call_later(self._pulse_pin.debounce_s, self._end_quiet)

    def _end_quiet(self) -> None:
        self._quiet = None
