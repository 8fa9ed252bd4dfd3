from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from hardware.board import CABINET, MODEM
from hardware.modem_power import GpioModemPower
from hardware.simulated.pins import CabinetPins

OFF_S = 10.0


@asynccontextmanager
async def mock_pins(_open_cabinet: Any) -> AsyncIterator[tuple[Any, Any]]:
    factory = MockFactory()

    async def read(_pin: str) -> int:
        return int(factory.pin(MODEM.gpio).state)

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


async def test_the_supply_goes_and_comes_back(bench: Any, until_async: Any, pass_by: Any) -> None:
    factory, wire = bench
    with GpioModemPower(MODEM, factory) as power:
        await until_async(wire, MODEM.name, 0)
        cycling = asyncio.create_task(power.cycle(OFF_S))
        await until_async(wire, MODEM.name, 1)
        await pass_by(OFF_S)
        await cycling
        await until_async(wire, MODEM.name, 0)


async def test_a_cycle_that_is_cancelled_gives_the_supply_back(
    bench: Any, until_async: Any
) -> None:
    factory, wire = bench
    with GpioModemPower(MODEM, factory) as power:
        cycling = asyncio.create_task(power.cycle(OFF_S))
        await until_async(wire, MODEM.name, 1)
        cycling.cancel()
        await until_async(wire, MODEM.name, 0)


async def test_an_agent_that_ends_in_a_cycle_gives_the_supply_back(
    bench: Any, until_async: Any
) -> None:
    factory, wire = bench
    with GpioModemPower(MODEM, factory) as power:
        cycling = asyncio.create_task(power.cycle(OFF_S))
        await until_async(wire, MODEM.name, 1)
    await until_async(wire, MODEM.name, 0)
    cycling.cancel()
    await asyncio.gather(cycling, return_exceptions=True)


async def test_a_cycle_that_is_too_long_is_ended_by_the_guard(
    until_async: Any, pass_by: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with mock_pins(None) as (factory, wire):
        with GpioModemPower(MODEM, factory) as power:
            cycling = asyncio.create_task(power.cycle(10 * MODEM.max_on_s))
            await until_async(wire, MODEM.name, 1)
            await pass_by(MODEM.max_on_s)
            await until_async(wire, MODEM.name, 0)
            cycling.cancel()
            await asyncio.gather(cycling, return_exceptions=True)
    assert "gave the modem its supply back" in caplog.text


async def test_what_systemd_runs_after_a_kill_gives_the_supply_back(
    cabinet: Any, until_async: Any
) -> None:
    async with CabinetPins(cabinet.folder, CABINET, lambda _event: None) as pins:
        factory = pins.factory
        factory.pin(MODEM.gpio).function = "output"
        factory.pin(MODEM.gpio).state = True
        await until_async(cabinet.level, MODEM.name, 1)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hardware.relays_off", "--board", CABINET.name,
        "--simulated", str(cabinet.folder),
    )  # fmt: skip
    assert await process.wait() == 0
    await until_async(cabinet.level, MODEM.name, 0)
