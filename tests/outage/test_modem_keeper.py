from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from contract.ports import ClockTrust
from edge.core.modem_care import ModemCare
from edge.shell.inbox import ModemCycled
from edge.shell.modem_keeper import ModemKeeper
from hardware.relay import RelayError

CARE = ModemCare(cycle_after_s=900, off_s=10)


class LoopClock:
    """Monotonic time as the loop tells it."""

    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC)

    def mono_ns(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e9)

    def trust(self) -> ClockTrust:
        return ClockTrust.SYNCHRONISED


class Supply:
    """A modem's supply that keeps a list of its cycles; a broken one cannot be driven."""

    def __init__(self, *, is_broken: bool = False) -> None:
        self.is_broken = is_broken
        self.off_s: list[float] = []

    async def cycle(self, off_s: float) -> None:
        if self.is_broken:
            raise RelayError("relay modem: rust")
        self.off_s.append(off_s)
        await asyncio.sleep(off_s)


def live(
    jumping: Any, supply: Supply | None, story: Callable[[ModemKeeper], Any]
) -> list[ModemCycled]:
    """Lets a keeper live through a story."""
    told: list[ModemCycled] = []

    async def run() -> None:
        keeper = ModemKeeper(clock=LoopClock(), power=supply, care=CARE, on_event=told.append)
        running = asyncio.create_task(keeper.run())
        await story(keeper)
        running.cancel()

    jumping(run())
    return told


async def away(keeper: ModemKeeper, hours: float) -> None:
    keeper.link_changed(is_up=False)
    await asyncio.sleep(hours * 3600)


def test_a_day_without_link_cycles_a_few_times_and_each_is_told(jumping: Any) -> None:
    supply = Supply()
    told = live(jumping, supply, lambda keeper: away(keeper, 24))
    assert supply.off_s == [10.0] * 7  # 0:15, 0:45, 1:45, 3:45, 7:45, 13:45, 19:45
    assert [one.times for one in told] == [1, 2, 3, 4, 5, 6, 7]
    assert 900 <= told[0].down_s < 960


def test_a_link_that_comes_back_in_time_is_left_alone(jumping: Any) -> None:
    supply = Supply()

    async def flapping(keeper: ModemKeeper) -> None:
        for _ in range(100):
            await away(keeper, 0.2)
            keeper.link_changed(is_up=True)
            await asyncio.sleep(60)

    assert live(jumping, supply, flapping) == []
    assert supply.off_s == []


def test_a_cabinet_without_that_relay_only_counts(jumping: Any) -> None:
    async def story(keeper: ModemKeeper) -> None:
        await away(keeper, 5)
        status = keeper.status()
        assert status.down_since_mono_ms is not None
        assert status.modem_cycled_mono_ms is None

    assert live(jumping, None, story) == []


def test_a_relay_that_does_not_obey_is_tried_ever_more_rarely(jumping: Any, caplog: Any) -> None:
    told = live(jumping, Supply(is_broken=True), lambda keeper: away(keeper, 24))
    assert told == []
    assert caplog.text.count("the modem cannot be cycled: relay modem: rust") == 7


def test_status_says_since_when_and_what_was_done(jumping: Any) -> None:
    async def story(keeper: ModemKeeper) -> None:
        await away(keeper, 0.5)
        status = keeper.status()
        assert status.modem_cycles == 1
        assert status.modem_cycled_mono_ms is not None
        assert status.down_since_mono_ms is not None
        between_s = (status.modem_cycled_mono_ms - status.down_since_mono_ms) / 1000
        assert 900 <= between_s < 1000
        keeper.link_changed(is_up=True)
        assert keeper.status().down_since_mono_ms is None

    live(jumping, Supply(), story)
