from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hardware.board import CABINET
from hardware.devices import open_devices
from hardware.events import ArresterChanged, SurgeCounted
from hardware.pin_error import PinError

NO_PINS = not Path("/dev/gpiochip0").exists()


def ignore(_event: object) -> None:
    pass


async def test_the_relay_is_off_on_the_way_in_and_out(cabinet: Any, until_async: Any) -> None:
    async with open_devices(CABINET, simulated=cabinet.folder, on_event=ignore) as devices:
        await until_async(cabinet.level, "amp", 0)
        devices.amplifier.turn_on()
        await until_async(cabinet.level, "amp", 1)
    await until_async(cabinet.level, "amp", 0)


async def test_the_relay_is_off_when_the_agent_fails(cabinet: Any, until_async: Any) -> None:
    async def fail() -> None:
        async with open_devices(CABINET, simulated=cabinet.folder, on_event=ignore) as devices:
            devices.amplifier.turn_on()
            await until_async(cabinet.level, "amp", 1)
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await fail()
    await until_async(cabinet.level, "amp", 0)


async def test_what_happens_in_the_cabinet_is_told(cabinet: Any, until: Any) -> None:
    events: list[object] = []
    async with open_devices(CABINET, simulated=cabinet.folder, on_event=events.append):
        await until(lambda: ArresterChanged(ok=True) in events)
        await cabinet.world.pulse(["bl-01"], "surge_pulse")
        await until(lambda: SurgeCounted() in events)
        await cabinet.world.set_input(["bl-01"], "spd_ok", closed=False)
        await until(lambda: ArresterChanged(ok=False) in events)
    assert [event for event in events if isinstance(event, SurgeCounted)] == [SurgeCounted()]


async def test_a_simulated_modem_tells_the_networks_time(cabinet: Any, until: Any) -> None:
    async with open_devices(CABINET, simulated=cabinet.folder, on_event=ignore) as devices:
        assert devices.cell_time is not None
        assert await devices.cell_time.read() is None
        boot = devices.clock.boot_id
        await cabinet.world.set_clock(["bl-01"], cell_offset_s=3600.0, boot=1)
        await until(lambda: devices.clock.boot_id != boot)
        at = await devices.cell_time.read()
        assert at is not None
        assert timedelta(minutes=59) < at - devices.clock.now() < timedelta(minutes=61)


async def test_a_folder_without_a_cabinet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        async with open_devices(CABINET, simulated=tmp_path, on_event=ignore):
            pass


@pytest.mark.skipif(not NO_PINS, reason="this machine has pins, which are not to be touched")
async def test_a_machine_without_pins_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # lgpio leaves a pipe where it is loaded
    with pytest.raises(PinError, match="GPIO: no chip of a Pi's header; there is: none"):
        async with open_devices(CABINET, simulated=None, on_event=ignore):
            pass
