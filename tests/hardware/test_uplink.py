"""The modem of a simulated cabinet as its link feels it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hardware.simulated.uplink import Uplink
from hardware.simulated.wire import SOCKET_NAME, hello


@pytest.fixture
async def told(cabinet: Any) -> AsyncIterator[Any]:
    reader, writer = await asyncio.open_unix_connection(cabinet.folder / SOCKET_NAME)
    writer.write(hello("uplink"))

    async def next_one() -> bool:
        async with asyncio.timeout(20):
            return bool(json.loads(await reader.readline())["carries"])

    yield next_one
    writer.close()


async def test_a_modem_that_hangs_is_woken_by_its_relay_and_boots(cabinet: Any, told: Any) -> None:
    assert await told()
    await cabinet.world.hang_modem(["bl-01"], boot_s=0.1)
    assert not await told()
    _, writer = await asyncio.open_unix_connection(cabinet.folder / SOCKET_NAME)
    writer.write(hello("pins"))
    for level in (1, 0):
        writer.write(json.dumps({"t_ns": 1, "pin": "modem", "level": level}).encode() + b"\n")
    assert not await told(), "no supply"
    assert not await told(), "it boots"
    assert await told()
    writer.close()


async def test_a_supply_that_returns_means_nothing_before_the_boot(pass_by: Any) -> None:
    modem = Uplink()
    modem.hang(20.0)
    modem.supply(on=True)
    assert not modem.carries, "it has had supply all the time"
    modem.supply(on=False)
    modem.supply(on=True)
    assert not modem.carries
    modem.supply(on=False)
    await pass_by(30.0)
    assert not modem.carries, "its boot ended with its supply"
    modem.supply(on=True)
    await pass_by(20.0)
    assert modem.carries
