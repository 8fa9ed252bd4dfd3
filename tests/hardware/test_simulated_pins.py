from __future__ import annotations

import asyncio
import json
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.ports import ClockTrust
from hardware.board import CABINET
from hardware.events import ClockChanged
from hardware.relay import GpioRelay
from hardware.simulated.pins import AGAIN_S, CabinetPins
from hardware.simulated.wire import SOCKET_NAME

AGENT = """
import asyncio, pathlib, sys
from hardware.board import CABINET
from hardware.relay import GpioRelay
from hardware.simulated.pins import CabinetPins

async def main():
    async with CabinetPins(pathlib.Path(sys.argv[1]), CABINET, lambda event: None) as pins:
        with GpioRelay(CABINET.amplifier, pins.factory, lambda trip: None) as relay:
            relay.turn_on()
            await asyncio.Event().wait()

asyncio.run(main())
"""


def pins_of(
    folder: Path, tell: Callable[[ClockChanged], None] = lambda _event: None
) -> CabinetPins:
    return CabinetPins(folder, CABINET, tell)


def relay_on(pins: CabinetPins) -> GpioRelay:
    return GpioRelay(CABINET.amplifier, pins.factory, lambda _trip: None)


def wire(pins: CabinetPins, gpio: int) -> bool:
    return bool(pins.factory.pin(gpio).state)


@pytest.fixture
async def killed_agent(cabinet: Any, until_async: Any) -> None:
    """An agent switched the amplifier on and was killed."""
    agent = await asyncio.create_subprocess_exec(sys.executable, "-c", AGENT, str(cabinet.folder))
    await until_async(cabinet.level, "amp", 1)
    agent.kill()
    await agent.wait()


# Outputs


async def test_a_released_pin_stays_driven_when_the_agent_is_killed(
    cabinet: Any, killed_agent: None
) -> None:
    assert await cabinet.level("amp") == 1
    assert cabinet.pins() == [("amp", 0), ("amp", 1)]


async def test_the_next_agent_switches_off_what_a_killed_one_left_on(
    cabinet: Any, killed_agent: None, until_async: Any
) -> None:
    async with pins_of(cabinet.folder) as pins:
        with relay_on(pins):
            await until_async(cabinet.level, "amp", 0)


async def test_relays_off_switches_off_what_a_killed_agent_left_on(
    cabinet: Any, killed_agent: None
) -> None:
    command = [sys.executable, "-m", "hardware.relays_off", "--board", "cabinet-v1"]
    process = await asyncio.create_subprocess_exec(*command, "--simulated", str(cabinet.folder))
    assert await process.wait() == 0
    assert await cabinet.level("amp") == 0, "it is off when the command has ended"


async def test_a_power_cut_lets_every_output_fall_to_its_wired_rest(
    cabinet: Any, killed_agent: None
) -> None:
    await cabinet.world.set_power(["bl-01"], on=False)
    assert await cabinet.level("amp") == 0


async def test_nothing_can_be_driven_without_power(cabinet: Any, until: Any) -> None:
    async with pins_of(cabinet.folder) as pins:
        with relay_on(pins) as relay:
            await cabinet.world.set_power(["bl-01"], on=False)
            relay.turn_on()
            await until(lambda: pins.is_lost)
            with pytest.raises(ConnectionError):
                pins_of(cabinet.folder).connect()
            assert await cabinet.level("amp") == 0


# Inputs and clock


async def test_contacts_are_as_they_were_left_when_the_agent_comes(cabinet: Any) -> None:
    await cabinet.world.set_input(["bl-01"], "spd_ok", closed=False)
    async with pins_of(cabinet.folder) as pins:
        assert wire(pins, CABINET.arrester.gpio)
        assert wire(pins, CABINET.surge_pulse.gpio), "open contacts read high"


async def test_a_contact_that_closes_pulls_its_pin_to_ground(cabinet: Any, until: Any) -> None:
    async with pins_of(cabinet.folder) as pins:
        await cabinet.world.set_input(["bl-01"], "surge_pulse", closed=True)
        await until(lambda: not wire(pins, CABINET.surge_pulse.gpio))


async def test_the_clock_is_as_the_world_set_it(cabinet: Any, until: Any) -> None:
    told: list[ClockChanged] = []
    async with pins_of(cabinet.folder, told.append) as pins:
        assert pins.clock.trust() is ClockTrust.SYNCHRONISED
        await cabinet.world.set_clock(["bl-01"], synchronised=False, rtc=False)
        await until(lambda: pins.clock.trust() is ClockTrust.UNKNOWN)
    assert told == [ClockChanged(), ClockChanged()]


# A cabinet that goes and comes


async def test_there_is_no_cabinet_in_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        pins_of(tmp_path).connect()


async def test_contacts_are_right_again_after_a_power_cut(
    cabinet: Any, until: Any, pass_by: Any
) -> None:
    async with pins_of(cabinet.folder) as pins:
        await cabinet.world.set_power(["bl-01"], on=False)
        await until(lambda: pins.is_lost)
        await cabinet.world.set_input(["bl-01"], "spd_ok", closed=False)
        await cabinet.world.set_power(["bl-01"], on=True)
        await pass_by(AGAIN_S)
        await until(lambda: wire(pins, CABINET.arrester.gpio))


CLOCK = {"offset_s": 0.0, "synchronised": True, "rtc": True, "cell_offset_s": None, "boot": 0}
STATE = json.dumps({"clock": CLOCK}).encode() + b"\n"


class HalfLine(socketserver.StreamRequestHandler):
    """A cabinet that ends its first connection in the middle of a line."""

    server: BrokenCabinet

    def handle(self) -> None:
        self.server.connections += 1
        self.rfile.readline()
        self.wfile.write(STATE + (b'{"pin": "spd' if self.server.connections == 1 else b""))
        if self.server.connections > 1:
            self.rfile.read()


class BrokenCabinet(socketserver.ThreadingUnixStreamServer):
    connections = 0


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[BrokenCabinet]:
    with BrokenCabinet(str(tmp_path / SOCKET_NAME), HalfLine) as cabinet:
        thread = threading.Thread(target=cabinet.serve_forever, args=(0.01,))
        thread.start()
        yield cabinet
        cabinet.shutdown()
        thread.join()


async def test_half_a_line_is_forgotten_with_its_connection(
    broken: BrokenCabinet, tmp_path: Path, until: Any
) -> None:
    told: list[ClockChanged] = []
    async with pins_of(tmp_path, told.append) as pins:
        await until(lambda: len(told) > 1)
        assert not pins.is_lost


async def test_pins_that_are_closed_do_not_come_back(
    cabinet: Any, until: Any, pass_by: Any
) -> None:
    told: list[ClockChanged] = []
    async with pins_of(cabinet.folder, told.append) as pins:
        await cabinet.world.set_power(["bl-01"], on=False)
        await until(lambda: pins.is_lost)
    await cabinet.world.set_power(["bl-01"], on=True)
    await pass_by(AGAIN_S)
    assert pins.is_lost
    assert told == [ClockChanged()]
