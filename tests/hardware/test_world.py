from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardware.clock import SystemClock
from hardware.health_sysfs import MachineHealth
from hardware.simulated.cabinet import NEW_CLOCK, NEW_CONTACTS
from hardware.simulated.machine_files import FOLDER
from hardware.simulated.wire import RATE, SOCKET_NAME, FrameKind, frame, hello
from hardware.simulated.world import WorldError

MS = 1_000_000


async def test_the_world_sees_what_it_has_set(cabinet: Any) -> None:
    world = cabinet.world
    await world.set_input(["bl-01"], "spd_ok", closed=False)
    await world.set_clock(["bl-01"], offset_s=3.5, synchronised=False)
    await world.set_power(["bl-01"], on=False)
    assert await cabinet.ask(do="state") == {
        "pins": {},
        "inputs": NEW_CONTACTS | {"spd_ok": 0},
        "clock": NEW_CLOCK | {"offset_s": 3.5, "synchronised": False},
        "powered": False,
    }


async def restart(cabinet: Any) -> dict[str, Any]:
    await cabinet.world.set_power(["bl-01"], on=False)
    await cabinet.world.set_power(["bl-01"], on=True)
    clock: dict[str, Any] = (await cabinet.ask(do="state"))["clock"]
    assert not clock["synchronised"]
    return clock


async def test_an_rtc_keeps_time_through_a_power_cut(cabinet: Any) -> None:
    await cabinet.world.set_clock(["bl-01"], offset_s=-3.0)
    first, again = await restart(cabinet), await restart(cabinet)
    assert (first["offset_s"], again["offset_s"]) == (-3.0, -3.0)
    assert (first["boot"], again["boot"]) == (1, 2)


async def test_without_an_rtc_time_stands_still_through_a_power_cut(
    cabinet: Any, clock: SystemClock, until: Any
) -> None:
    await cabinet.world.set_clock(["bl-01"], rtc=False)
    await cabinet.world.set_power(["bl-01"], on=False)
    cut_ns = clock.mono_ns()
    await until(lambda: clock.mono_ns() > cut_ns + 200 * MS)
    await cabinet.world.set_power(["bl-01"], on=True)
    found = (await cabinet.ask(do="state"))["clock"]
    assert found["offset_s"] <= -0.2


async def test_an_rtc_with_an_empty_battery_begins_in_2000(
    cabinet: Any, clock: SystemClock
) -> None:
    await cabinet.world.set_clock(["bl-01"], rtc_weak=True)
    found = await restart(cabinet)
    at = clock.now() + timedelta(seconds=found["offset_s"])
    assert at.date().isoformat() == "2000-01-01"


async def test_a_pulse_closes_a_contact_and_opens_it_again(cabinet: Any, until_async: Any) -> None:
    async def level(pin: str) -> int:
        return int((await cabinet.ask(do="state"))["inputs"][pin])

    await cabinet.world.pulse(["bl-01"], "surge_pulse", width_ms=10)
    await until_async(level, "surge_pulse", 0)


REFUSED: dict[str, dict[str, Any]] = {
    "unknown: dance": {"do": "dance"},
    "no contact is called 'spdok'": {"do": "set_input", "pin": "spdok", "level": 0},
    "there are: spd_ok, surge_pulse": {"do": "pulse", "pin": "amp"},
    "no contact is called None": {"do": "pulse"},
    "a clock has no offset": {"do": "clock", "offset": 3},
}


async def test_what_a_cabinet_does_not_have_is_refused(cabinet: Any) -> None:
    for answer, asked in REFUSED.items():
        with pytest.raises(WorldError, match=answer):
            await cabinet.ask(**asked)


async def test_a_cabinet_that_died_is_said(cabinet: Any) -> None:
    cabinet.process.kill()
    await cabinet.process.wait()
    for _ in range(3):
        with pytest.raises(WorldError, match="bl-01: the cabinet is gone"):
            await cabinet.ask(do="state")


async def test_a_cabinet_that_dies_over_a_question_is_said(cabinet: Any) -> None:
    cabinet.process.send_signal(signal.SIGSTOP)
    asked = asyncio.ensure_future(cabinet.ask(do="state"))
    await asyncio.sleep(0)  # the question is on its way, and nobody reads it
    cabinet.process.kill()
    with pytest.raises(WorldError, match="bl-01: the cabinet is gone"):
        await asked


# The amplifier lets sound out


class Mains:
    """Drives the amplifier's pin and the sound's way in, as agent and player do."""

    def __init__(self, cabinet: Any, clock: SystemClock) -> None:
        self._clock = clock
        self._cabinet = cabinet
        self._sockets = {role: self._connect(role) for role in ("pins", "sound")}

    def _connect(self, role: str) -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        link.connect(str(self._cabinet.folder / SOCKET_NAME))
        link.sendall(hello(role))
        return link

    def close(self) -> None:
        for link in self._sockets.values():
            link.close()

    def switch(self, *, level: int, ago_ms: int) -> None:
        t_ns = self._clock.epoch_ns() - ago_ms * MS
        fact = {"t_ns": t_ns, "pin": "amp", "level": level}
        self._sockets["pins"].sendall(json.dumps(fact).encode() + b"\n")

    def sound(self) -> None:
        """A second of direct current, from now on."""
        now_ns = self._clock.mono_ns()
        block = np.full(RATE, 9000, np.int16).tobytes()
        self._sockets["sound"].sendall(frame(FrameKind.BLOCK, 1, now_ns, now_ns, block))


@pytest.fixture
def mains(cabinet: Any, clock: SystemClock) -> Iterator[Mains]:
    with contextlib.closing(Mains(cabinet, clock)) as mains:
        yield mains


async def heard(cabinet: Any, clock: SystemClock, until: Any) -> bool:
    """Whether the horn emitted anything of a sound that began just now."""
    until_ns = clock.mono_ns() + 500 * MS
    await until(lambda: clock.mono_ns() > until_ns)
    return bool(np.any(await cabinet.recording()))


async def test_a_warm_amplifier_lets_sound_out(
    cabinet: Any, mains: Mains, clock: SystemClock, until: Any, until_async: Any
) -> None:
    mains.switch(level=1, ago_ms=0)
    await until_async(cabinet.level, "amp", 1)
    mains.sound()
    assert await heard(cabinet, clock, until)


async def test_no_sound_comes_out_of_an_amplifier_that_is_off(
    cabinet: Any, mains: Mains, clock: SystemClock, until: Any
) -> None:
    mains.sound()
    assert not await heard(cabinet, clock, until)


async def test_no_sound_comes_out_of_a_dead_amplifier(
    cabinet: Any, mains: Mains, clock: SystemClock, until: Any, until_async: Any
) -> None:
    await cabinet.world.set_amplifier_dead(["bl-01"], dead=True)
    mains.switch(level=1, ago_ms=0)
    await until_async(cabinet.level, "amp", 1)
    mains.sound()
    assert not await heard(cabinet, clock, until)


async def test_what_the_computer_says_of_itself_is_the_worlds_to_change(
    cabinet: Any, tmp_path: Path
) -> None:
    sensor = MachineHealth(Path("/"), tmp_path / "run", cabinet.folder / FOLDER)
    assert sensor.read().under_voltage is False
    await cabinet.world.set_machine(["bl-01"], under_voltage=True, temperature_c=85.0)
    assert (sensor.read().under_voltage, sensor.read().temperature_c) == (True, 85.0)
    with pytest.raises(WorldError, match="has no colour"):
        await cabinet.world.set_machine(["bl-01"], colour=1)


async def test_a_power_cut_ends_what_the_supply_did(cabinet: Any, tmp_path: Path) -> None:
    await cabinet.world.set_machine(["bl-01"], under_voltage=True)
    root = cabinet.folder / FOLDER
    assert MachineHealth(Path("/"), tmp_path / "run", root).read().under_voltage is True
    await cabinet.world.set_machine(["bl-01"], under_voltage=False)
    assert MachineHealth(Path("/"), tmp_path / "run", root).read().under_voltage is True
    await cabinet.world.set_power(["bl-01"], on=False)
    await cabinet.world.set_power(["bl-01"], on=True)
    assert MachineHealth(Path("/"), tmp_path / "run", root).read().under_voltage is False


async def test_a_power_cut_ends_the_sound(
    cabinet: Any, mains: Mains, clock: SystemClock, until: Any, until_async: Any
) -> None:
    mains.switch(level=1, ago_ms=0)
    await until_async(cabinet.level, "amp", 1)
    await cabinet.world.set_power(["bl-01"], on=False)
    with contextlib.suppress(ConnectionError):
        mains.sound()
    assert not await heard(cabinet, clock, until)
