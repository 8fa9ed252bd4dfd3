"""A watch over a fake computer; a card that hangs blocks a thread of its own and nothing else."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from msgspec.structs import replace

from contract.fault import FaultCode
from edge.shell import health_watch
from edge.shell.health_watch import HealthWatch
from edge.shell.inbox import HealthChanged
from edge.shell.own_thread import on_own_thread
from hardware.health import Canary, Health


class Computer:
    """A sensor whose readings are set; each wait is one step that the test allows."""

    def __init__(self) -> None:
        self.health = Health(temperature_c=50.0)
        self.reads = 0
        self._step = threading.Semaphore(0)

    def read(self) -> Health:
        self.reads += 1
        return self.health

    def wait(self) -> None:
        self._step.acquire(timeout=20)

    def look(self) -> None:
        self._step.release()


@pytest.fixture
def computer() -> Computer:
    return Computer()


async def test_only_a_change_of_what_is_wrong_is_told(
    computer: Computer, running: Any, eventually: Any
) -> None:
    told: list[HealthChanged] = []
    watch = HealthWatch(sensor=computer, send_canary=lambda: None, on_event=told.append)
    async with running(watch.run()):
        for reads, heat_c in enumerate((50.0, 81.0, 84.0, 76.0, 70.0), start=1):
            computer.health = replace(computer.health, temperature_c=heat_c)
            computer.look() if reads > 1 else None
            await eventually(lambda reads=reads: computer.reads >= reads)
            await eventually(lambda heat_c=heat_c: watch.current.temperature_c == heat_c)
        computer.look()
    assert [dict(one.faults) for one in told] == [{FaultCode.TOO_HOT: "81 °C"}, {}]


async def test_a_canary_that_does_not_come_home_is_a_slow_card_and_holds_nobody(
    computer: Computer, running: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_watch, "FIRST_CANARY_S", 0.0)
    monkeypatch.setattr(health_watch, "SLOW_MS", 50.0)
    home, out = threading.Event(), threading.Event()
    told: list[HealthChanged] = []

    def send_canary() -> Canary:
        out.set()
        home.wait(20)
        return Canary(write_ms=12.0)

    watch = HealthWatch(sensor=computer, send_canary=send_canary, on_event=told.append)
    async with running(watch.run()):
        await eventually(out.is_set)
        async with asyncio.timeout(20):
            while watch.current.canary is None:
                computer.look()
                await asyncio.to_thread(lambda: None)  # the shared threads are free
        assert watch.current.canary.write_ms >= 50.0
        home.set()
        async with asyncio.timeout(20):
            while watch.current.canary.write_ms != 12.0:
                computer.look()
                await asyncio.sleep(0.01)
        computer.look()


async def test_a_card_that_was_slow_is_not_called_quick_for_one_quick_write(
    computer: Computer, running: Any, eventually: Any
) -> None:
    took_ms = [10.0, 6_000.0, 10.0, 7_000.0, 10.0, 10.0]
    told: list[HealthChanged] = []
    watch = HealthWatch(
        sensor=computer,
        send_canary=lambda: None,
        write_ms=lambda: took_ms[min(computer.reads, len(took_ms)) - 1],
        on_event=told.append,
    )
    async with running(watch.run()):
        for reads in range(1, len(took_ms) + 1):
            computer.look() if reads > 1 else None
            await eventually(lambda reads=reads: computer.reads >= reads)
        computer.look()
        await eventually(lambda: computer.reads > len(took_ms))
    assert [[*one.faults] for one in told] == [[FaultCode.CARD_SLOW]]


async def test_work_on_its_own_thread_brings_its_result_or_its_failure() -> None:
    assert await on_own_thread("sum", lambda: 1 + 1) == 2
    with pytest.raises(ZeroDivisionError):
        await on_own_thread("quotient", lambda: 1 // 0)


async def test_who_is_cancelled_does_not_wait_for_the_card() -> None:
    home = threading.Event()
    waiting = asyncio.create_task(on_own_thread("card", lambda: home.wait(20)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    home.set()
