from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPin
from msgspec.structs import replace

from hardware.board import CABINET
from hardware.events import RelayGuardTripped
from hardware.relay import TRY_AGAIN_S, GpioRelay, RelayError
from hardware.simulated.pins import CabinetPins

AMP = CABINET.amplifier
PassBy = Callable[[float], Awaitable[None]]


class RustyPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """Cannot be driven while its factory is rusty."""

    def _set_state(self, value: bool) -> None:
        if self.factory.is_rusty:
            raise OSError("rust")
        super()._set_state(value)


class RustyFactory(MockFactory):  # type: ignore[misc]  # gpiozero has no types
    def __init__(self) -> None:
        super().__init__(pin_class=RustyPin)
        self.is_rusty = False


@pytest.fixture
def pins() -> RustyFactory:
    return RustyFactory()


@pytest.fixture
def trips() -> list[RelayGuardTripped]:
    return []


@pytest.fixture
async def relay(pins: RustyFactory, trips: list[RelayGuardTripped]) -> AsyncIterator[GpioRelay]:
    with GpioRelay(AMP, pins, trips.append) as relay:
        yield relay


def level(pins: MockFactory) -> bool:
    return bool(pins.pin(AMP.gpio).state)


# The same for mock pins and for a simulated cabinet


@asynccontextmanager
async def mock_pins(_open_cabinet: Any) -> AsyncIterator[tuple[Any, Any]]:
    factory = MockFactory()

    async def read(_pin: str) -> int:
        return int(level(factory))

    yield factory, read


@asynccontextmanager
async def simulated_cabinet(open_cabinet: Any) -> AsyncIterator[tuple[Any, Any]]:
    async with (
        open_cabinet() as cabinet,
        CabinetPins(cabinet.folder, CABINET, lambda _event: None) as pins,
    ):
        yield pins.factory, cabinet.level


@pytest.fixture(params=[mock_pins, simulated_cabinet])
async def bench(request: Any, open_cabinet: Any) -> AsyncIterator[tuple[Any, Any]]:
    async with request.param(open_cabinet) as bench:
        yield bench


async def test_the_wire_follows_the_relay(bench: Any, until_async: Any) -> None:
    factory, wire = bench
    with GpioRelay(AMP, factory, lambda _trip: None) as relay:
        await until_async(wire, AMP.name, 0)
        relay.turn_on()
        await until_async(wire, AMP.name, 1)
        relay.turn_off()
        await until_async(wire, AMP.name, 0)


async def test_a_relay_left_on_is_off_once_it_is_closed(bench: Any, until_async: Any) -> None:
    factory, wire = bench
    with GpioRelay(AMP, factory, lambda _trip: None) as relay:
        relay.turn_on()
        await until_async(wire, AMP.name, 1)
    await until_async(wire, AMP.name, 0)


# The driver


def test_a_relay_is_off_from_the_first_instant(relay: GpioRelay, pins: RustyFactory) -> None:
    assert not relay.is_on
    assert not level(pins)


async def test_switching_twice_changes_nothing(relay: GpioRelay, pins: RustyFactory) -> None:
    for switch, is_on in ((relay.turn_on, True), (relay.turn_off, False)):
        switch()
        switch()
        assert relay.is_on is level(pins) is is_on


async def test_an_active_low_relay_is_off_when_its_pin_is_high(pins: RustyFactory) -> None:
    with GpioRelay(replace(AMP, active_high=False), pins, lambda _trip: None) as relay:
        assert level(pins)
        relay.turn_on()
        assert relay.is_on
        assert not level(pins)


def test_a_pin_in_use_is_refused_by_name(relay: GpioRelay, pins: RustyFactory) -> None:
    with (
        pytest.raises(RelayError, match="relay amp \\(GPIO22\\)"),
        GpioRelay(AMP, pins, lambda _trip: None),
    ):
        pass


async def test_a_closed_relay_refuses_to_switch(pins: RustyFactory) -> None:
    with GpioRelay(AMP, pins, lambda _trip: None) as relay:
        pass
    with pytest.raises(RelayError, match="closed"):
        relay.turn_on()
    assert not relay.is_on


async def test_a_pin_that_does_not_obey_is_said(relay: GpioRelay, pins: RustyFactory) -> None:
    pins.is_rusty = True
    with pytest.raises(RelayError, match="rust"):
        relay.turn_on()
    pins.is_rusty = False


def test_a_pin_that_cannot_be_driven_at_the_end_is_let_go_all_the_same(pins: RustyFactory) -> None:
    with pytest.raises(OSError, match="rust"), GpioRelay(AMP, pins, lambda _trip: None):
        pins.is_rusty = True
    pins.is_rusty = False
    with GpioRelay(AMP, pins, lambda _trip: None) as again:
        assert not again.is_on


# The guard


async def test_the_guard_ends_what_stays_on(
    relay: GpioRelay, pass_by: PassBy, trips: list[RelayGuardTripped]
) -> None:
    relay.turn_on()
    await pass_by(AMP.max_on_s)
    assert not relay.is_on
    assert trips == [RelayGuardTripped(relay="amp", why="on for 18000 s")]


async def test_the_guard_counts_from_the_first_switching_on(
    relay: GpioRelay, pass_by: PassBy
) -> None:
    relay.turn_on()
    await pass_by(AMP.max_on_s / 2)
    relay.turn_on()
    await pass_by(AMP.max_on_s / 2)
    assert not relay.is_on


async def test_off_in_time_leaves_the_guard_nothing_to_do(
    relay: GpioRelay, pass_by: PassBy, trips: list[RelayGuardTripped]
) -> None:
    relay.turn_on()
    relay.turn_off()
    await pass_by(2 * AMP.max_on_s)
    assert trips == []


async def test_each_switching_on_has_its_whole_time(relay: GpioRelay, pass_by: PassBy) -> None:
    relay.turn_on()
    await pass_by(AMP.max_on_s / 2)
    relay.turn_off()
    relay.turn_on()
    await pass_by(AMP.max_on_s * 0.6)
    assert relay.is_on


async def test_a_relay_can_be_used_after_its_guard_has_acted(
    relay: GpioRelay, pass_by: PassBy, trips: list[RelayGuardTripped]
) -> None:
    for _ in range(2):
        relay.turn_on()
        await pass_by(AMP.max_on_s)
        assert not relay.is_on
    assert len(trips) == 2


async def test_a_guard_whose_pin_does_not_obey_tries_again(
    relay: GpioRelay, pins: RustyFactory, pass_by: PassBy, trips: list[RelayGuardTripped]
) -> None:
    relay.turn_on()
    pins.is_rusty = True
    await pass_by(AMP.max_on_s)
    assert relay.is_on
    assert trips == []
    pins.is_rusty = False
    await pass_by(TRY_AGAIN_S)
    assert not relay.is_on
    assert len(trips) == 1


async def test_the_guard_stays_armed_when_switching_off_failed(
    relay: GpioRelay, pins: RustyFactory, pass_by: PassBy
) -> None:
    relay.turn_on()
    pins.is_rusty = True
    with pytest.raises(RelayError):
        relay.turn_off()
    pins.is_rusty = False
    await pass_by(AMP.max_on_s)
    assert not relay.is_on


async def test_a_closed_relay_has_no_guard(
    pins: RustyFactory, pass_by: PassBy, trips: list[RelayGuardTripped]
) -> None:
    with GpioRelay(AMP, pins, trips.append) as relay:
        relay.turn_on()
    await pass_by(AMP.max_on_s)
    assert trips == []
