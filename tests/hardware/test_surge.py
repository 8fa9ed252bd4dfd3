"""The same suite for the driver on gpiozero's mock pins and on the pins of a simulated cabinet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from gpiozero import DigitalInputDevice
from gpiozero.pins.mock import MockFactory
from msgspec.structs import replace

from hardware.board import ARRESTER, CABINET, SURGE_PULSE, InputPin
from hardware.events import ArresterChanged, SurgeCounted
from hardware.pin_error import PinError
from hardware.simulated.pins import CabinetPins
from hardware.surge_gpio import SurgeSensor

DEBOUNCE_S = 60.0
"""So long that nothing happens by itself on a busy machine: only `settle` lets it pass."""
SLOW_ARRESTER = replace(ARRESTER, debounce_s=DEBOUNCE_S)
SLOW_PULSE = replace(SURGE_PULSE, debounce_s=DEBOUNCE_S)
Event = ArresterChanged | SurgeCounted
Close = Callable[[InputPin, bool], Awaitable[None]]


class Bench:
    """A sensor, its wires and what it said."""

    def __init__(self, factory: Any, close: Close, pass_by: Any) -> None:
        self.factory = factory
        self._close = close
        self.pass_by = pass_by
        self.events: list[Event] = []

    def open(self) -> SurgeSensor:
        return SurgeSensor(SLOW_ARRESTER, SLOW_PULSE, self.factory, self.events.append)

    async def move(self, pin: InputPin, *closed: bool) -> None:
        """A contact moves, at once as far as debouncing can see."""
        for is_closed in closed:
            await self._close(pin, is_closed)
        await self.pass_by(0)

    async def settle(self) -> None:
        await self.pass_by(DEBOUNCE_S)

    def surges(self) -> int:
        return sum(event.count for event in self.events if isinstance(event, SurgeCounted))

    def arrester(self) -> list[bool]:
        return [event.ok for event in self.events if isinstance(event, ArresterChanged)]


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
async def bench(request: Any, open_cabinet: Any, until: Any, pass_by: Any) -> AsyncIterator[Bench]:
    """The arrester is whole and has said so."""
    async with request.param(open_cabinet, until) as (factory, close):
        bench = Bench(factory, close, pass_by)
        with bench.open():
            await bench.move(ARRESTER, False, True)
            await bench.settle()
            yield bench


async def test_a_whole_arrester_says_so_once(bench: Bench) -> None:
    assert bench.events == [ArresterChanged(ok=True)]


async def test_a_loop_that_opens_is_a_fault_and_closing_it_mends_it(bench: Bench) -> None:
    await bench.move(ARRESTER, False)
    await bench.settle()
    assert bench.arrester() == [True, False]
    await bench.move(ARRESTER, True)
    await bench.settle()
    assert bench.arrester() == [True, False, True]


async def test_a_loop_that_opens_for_a_moment_is_no_fault(bench: Bench) -> None:
    await bench.move(ARRESTER, False)
    await bench.pass_by(DEBOUNCE_S / 2)
    await bench.move(ARRESTER, True)
    await bench.settle()
    assert bench.arrester() == [True]


async def test_a_loop_that_flutters_is_told_when_it_keeps_still(bench: Bench) -> None:
    await bench.move(ARRESTER, False, True, False)
    await bench.pass_by(DEBOUNCE_S / 2)
    await bench.move(ARRESTER, True, False)
    await bench.pass_by(DEBOUNCE_S / 2)
    assert bench.arrester() == [True]
    await bench.settle()
    assert bench.arrester() == [True, False]


async def test_a_pulse_counts_once(bench: Bench) -> None:
    await bench.move(SURGE_PULSE, True)
    await bench.settle()
    await bench.move(SURGE_PULSE, False)
    await bench.settle()
    assert bench.surges() == 1


async def test_bounce_at_closing_is_not_counted_twice(bench: Bench) -> None:
    await bench.move(SURGE_PULSE, True, False, True, False, True)
    assert bench.surges() == 1


async def test_bounce_at_opening_is_not_counted(bench: Bench) -> None:
    await bench.move(SURGE_PULSE, True)
    await bench.settle()
    await bench.move(SURGE_PULSE, False, True, False)
    await bench.settle()
    assert bench.surges() == 1


async def test_two_surges_count_twice(bench: Bench) -> None:
    for _ in range(2):
        await bench.move(SURGE_PULSE, True, False)
        await bench.settle()
    assert bench.surges() == 2


async def test_a_surge_that_kills_the_arrester_is_both(bench: Bench) -> None:
    await bench.move(SURGE_PULSE, True)
    await bench.move(ARRESTER, False)
    await bench.move(SURGE_PULSE, False)
    await bench.settle()
    assert bench.events[1:] == [SurgeCounted(), ArresterChanged(ok=False)]


# The driver alone


@pytest.fixture
def pins() -> MockFactory:
    return MockFactory()


async def test_contacts_are_pulled_up_so_that_a_cut_wire_reads_open(
    pins: MockFactory, pass_by: Any
) -> None:
    events: list[Event] = []
    with SurgeSensor(ARRESTER, SURGE_PULSE, pins, events.append) as sensor:
        assert not sensor.is_closed
        assert not sensor.is_pulse_closed
        await pass_by(0)
        await pass_by(ARRESTER.debounce_s)
    assert events == [ArresterChanged(ok=False)]


async def test_contacts_are_read_without_debouncing(pins: MockFactory) -> None:
    with SurgeSensor(ARRESTER, SURGE_PULSE, pins, lambda _event: None) as sensor:
        pins.pin(ARRESTER.gpio).drive_low()
        pins.pin(SURGE_PULSE.gpio).drive_low()
        assert sensor.is_closed
        assert sensor.is_pulse_closed


async def test_a_closed_sensor_is_silent(pins: MockFactory, pass_by: Any) -> None:
    events: list[Event] = []
    with SurgeSensor(ARRESTER, SURGE_PULSE, pins, events.append) as sensor:
        pins.pin(SURGE_PULSE.gpio).drive_low()
    await pass_by(ARRESTER.debounce_s)
    assert [event for event in events if isinstance(event, ArresterChanged)] == []
    assert not sensor.is_closed


async def test_a_contact_in_use_is_named_and_the_other_is_let_go(pins: MockFactory) -> None:
    with DigitalInputDevice(SURGE_PULSE.gpio, pin_factory=pins):
        with (
            pytest.raises(PinError, match="surge_pulse \\(GPIO24\\)"),
            SurgeSensor(ARRESTER, SURGE_PULSE, pins, lambda _event: None),
        ):
            pass
        DigitalInputDevice(ARRESTER.gpio, pin_factory=pins).close()


async def test_the_pulse_of_a_surge_counter_counts_once_on_the_board_as_it_is(
    cabinet: Any, until: Any
) -> None:
    events: list[Event] = []
    async with CabinetPins(cabinet.folder, CABINET, lambda _event: None) as pins:
        with SurgeSensor(ARRESTER, SURGE_PULSE, pins.factory, events.append) as sensor:
            await cabinet.world.pulse(["bl-01"], "surge_pulse", width_ms=50)
            await until(lambda: SurgeCounted() in events and not sensor.is_pulse_closed)
    assert events.count(SurgeCounted()) == 1
