"""The surge arrester: its remote contact and its counter, read by GPIO and debounced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from hardware.board import InputPin
from hardware.events import ArresterChanged, SurgeCounted


class SurgeSensor:
    """Watches contact and counter. gpiozero calls in a thread of its own; events come out in the event loop.

    Both contacts are against ground with a pull-up: a closed loop reads low. The arrester's loop is closed while it
    is whole, so that a cut wire alarms like a dead arrester.

    Args:
        arrester: Pin of the remote contact.
        pulse: Pin of the surge counter.
        factory: gpiozero pin factory.
        on_event: Is told what happens.
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
        from gpiozero import DigitalInputDevice  # noqa: PLC0415 - a command without pins does not load it

        self._loop = asyncio.get_running_loop()
        contact = DigitalInputDevice(
            self._arrester_pin.gpio, pull_up=True, pin_factory=self._factory
        )
        counter = DigitalInputDevice(self._pulse_pin.gpio, pull_up=True, pin_factory=self._factory)
        contact.when_activated = contact.when_deactivated = self._soon(self._contact_moved)
        counter.when_activated = self._soon(self._pulsed)
        self._devices = [contact, counter]
        self._loop.call_soon(self._contact_moved)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for timer in (self._settling, self._quiet):
            if timer is not None:
                timer.cancel()
        for device in self._devices:
            device.close()
        self._devices = []

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

    def _pulsed(self) -> None:
        """The first edge counts; what bounces within the debounce time after it does not."""
        if self._quiet is None and self._loop is not None:
            self._quiet = self._loop.call_later(self._pulse_pin.debounce_s, self._end_quiet)
            self._on_event(SurgeCounted())

    def _end_quiet(self) -> None:
        self._quiet = None
