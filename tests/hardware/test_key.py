"""The same suite for the key's driver on gpiozero's mock pins and on the pins of a simulated cabinet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from gpiozero import DigitalInputDevice
from gpiozero.pins.mock import MockFactory
from msgspec.structs import replace

from hardware.board import CABINET, KEY, InputPin, KeyPins
from hardware.events import KeyMoved
from hardware.key_gpio import KeySensor
from hardware.pin_error import PinError
from hardware.simulated.pins import CabinetPins

DEBOUNCE_S = 60.0
"""So long that nothing happens by itself on a busy machine: only `settle` lets it pass."""
SLOW = KeyPins(turned=replace(KEY.turned, debounce_s=DEBOUNCE_S), rest=KEY.rest, stop=KEY.stop)
Close = Callable[[InputPin, bool], Awaitable[None]]
REST = KeyMoved(turned=False, rest=True, stop=False)
TURNED = KeyMoved(turned=True, rest=False, stop=False)


@asynccontextmanager
async def mock_pins(_open_cabinet: Any, _until: Any) -> AsyncIterator[tuple[Any, Close]]:
    factory = MockFactory()

    async def close(pin: InputPin, is_closed: bool) -> None:
        wire = factory.pin(pin.gpio)
        wire.drive_low() if is_closed else wire.drive_high()

    yield factory, close


@asynccontextmanager
async def simulated_cabinet(open_cabinet: Any, until: Any) -> AsyncIterator[tuple[Any, Close]]:
    async with (
        open_cabinet() as cabinet,
        CabinetPins(cabinet.folder, CABINET, lambda _event: None) as pins,
    ):

        async def close(pin: InputPin, is_closed: bool) -> None:
            await cabinet.world.set_input(["bl-01"], pin.name, closed=is_closed)
            await until(lambda: pins.factory.pin(pin.gpio).state is not is_closed)

        yield pins.factory, close


@pytest.fixture(params=[mock_pins, simulated_cabinet])
async def wired(
    request: Any, open_cabinet: Any, until: Any
) -> AsyncIterator[tuple[Any, Close, list[KeyMoved]]]:
    """A key at rest, its driver, and what it said."""
    async with request.param(open_cabinet, until) as (factory, close):
        said: list[KeyMoved] = []
        with KeySensor(SLOW, factory, said.append):
            await close(KEY.rest, False)  # so that it moves, whatever it was
            await close(KEY.rest, True)
            yield factory, close, said


async def test_it_says_where_the_key_is_once_it_keeps_still(
    wired: tuple[Any, Close, list[KeyMoved]], pass_by: Any
) -> None:
    _, close, said = wired
    await pass_by(0)
    await pass_by(DEBOUNCE_S)
    assert said == [REST]
    await close(KEY.rest, False)
    await pass_by(DEBOUNCE_S / 2)
    await close(KEY.turned, True)
    await pass_by(0)
    await pass_by(DEBOUNCE_S / 2)
    assert said == [REST]  # the changeover has not kept still so long
    await pass_by(DEBOUNCE_S / 2)
    assert said == [REST, TURNED]


async def test_a_bounce_is_nothing(wired: tuple[Any, Close, list[KeyMoved]], pass_by: Any) -> None:
    _, close, said = wired
    await pass_by(0)
    await pass_by(DEBOUNCE_S)
    for is_closed in (True, False, True, False):
        await close(KEY.turned, is_closed)
    await pass_by(0)
    await pass_by(DEBOUNCE_S)
    assert said == [REST]


async def test_a_pin_that_is_taken_is_told_by_its_name() -> None:
    factory = MockFactory()
    taken = DigitalInputDevice(KEY.stop.gpio, pull_up=True, pin_factory=factory)
    with pytest.raises(PinError, match="contact key_stop"), KeySensor(KEY, factory, print):
        pass
    taken.close()
    with KeySensor(KEY, factory, print):  # what it had opened before is free again
        pass
