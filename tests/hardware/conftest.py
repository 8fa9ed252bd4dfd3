from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hardware.clock import SystemClock
from hardware.simulated.wire import SOCKET_NAME
from hardware.simulated.world import World

Until = Callable[[Callable[[], Any]], Any]
TURNS = 5
"""So many turns of the loop, and what was due has happened."""


class SteppedLoop(asyncio.SelectorEventLoop):
    """A loop whose time can be moved ahead: hours of a guard pass at once."""

    _ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self._ahead_s

    def skip(self, seconds: float) -> None:
        self._ahead_s += seconds


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, type[SteppedLoop]]:
    del config, item
    return {"stepped": SteppedLoop}


@pytest.fixture
def pass_by() -> Callable[[float], Awaitable[None]]:
    """Lets timers believe that seconds have passed."""

    async def step(seconds: float) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SteppedLoop)
        loop.skip(seconds)
        for _ in range(TURNS):
            await asyncio.sleep(0)

    return step


@pytest.fixture(scope="session")
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def until(clock: SystemClock) -> Until:
    """Waits for a condition; fails when it has not come true in 20 s."""

    async def wait(condition: Callable[[], Any]) -> Any:
        deadline_ns = clock.mono_ns() + 20 * 10**9
        while not (found := condition()):
            assert clock.mono_ns() < deadline_ns, "it never came true"
            await asyncio.sleep(0.01)
        return found

    return wait


@pytest.fixture
def until_async(clock: SystemClock) -> Callable[..., Awaitable[None]]:
    """Asks until the answer is the expected one; fails when it has not come in 20 s."""

    async def wait(ask: Callable[[str], Awaitable[Any]], about: str, expected: object) -> None:
        deadline_ns = clock.mono_ns() + 20 * 10**9
        while await ask(about) != expected:
            assert clock.mono_ns() < deadline_ns, f"{about} never was {expected}"
            await asyncio.sleep(0.01)

    return wait


class CabinetOnBench:
    """A cabinet process, its folder and the world's hand on it."""

    def __init__(self, folder: Path, world: World, process: asyncio.subprocess.Process) -> None:
        self.folder = folder
        self.world = world
        self.process = process

    async def ask(self, **request: Any) -> dict[str, Any]:
        return await self.world.ask("bl-01", **request)

    def pins(self) -> list[tuple[str, int]]:
        lines = (self.folder / "pins.jsonl").read_text().splitlines()
        return [(fact["pin"], fact["level"]) for fact in map(json.loads, lines)]

    async def level(self, pin: str) -> int | None:
        """What the cabinet's wire carries now."""
        state = await self.ask(do="state")
        level: int | None = state["pins"].get(pin)
        return level

    async def recording(self) -> NDArray[np.float64]:
        """Ends the cabinet; all that its horn emitted."""
        await self.world.finish()
        raw = (self.folder / "horn.wav").read_bytes()
        return np.frombuffer(raw[44:], np.int16).astype(np.float64) / 32768


@pytest.fixture
def open_cabinet(
    tmp_path: Path, until: Until
) -> Callable[[], AbstractAsyncContextManager[CabinetOnBench]]:
    """Starts a cabinet process and the world's hand on it."""

    @asynccontextmanager
    async def run() -> AsyncIterator[CabinetOnBench]:
        folder = tmp_path / "cabinet"
        folder.mkdir(exist_ok=True)
        module = [sys.executable, "-m", "hardware.simulated.cabinet"]
        process = await asyncio.create_subprocess_exec(
            *module, "--dir", str(folder), "--cluster", "bl-01", "--warm-up-s", "0.2"
        )
        try:
            await until((folder / SOCKET_NAME).exists)
            async with World({"bl-01": folder}) as world:
                yield CabinetOnBench(folder, world, process)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
            await process.wait()

    return run


@pytest.fixture
async def cabinet(
    open_cabinet: Callable[[], AbstractAsyncContextManager[CabinetOnBench]],
) -> AsyncIterator[CabinetOnBench]:
    async with open_cabinet() as cabinet:
        yield cabinet


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of Vietnamese as the hub stores it: Opus in Matroska."""
    folder = tmp_path_factory.mktemp("speech")
    text = "Kính thưa bà con, đây là đài truyền thanh xã."
    subprocess.run(["espeak-ng", "-v", "vi", "-w", str(folder / "a.wav"), text], check=True)
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-nostdin",
        "-i",
        str(folder / "a.wav"),
        "-ar",
        "48000",
        "-ac",
        "1",
    ]
    subprocess.run([*command, "-c:a", "libopus", "-b:a", "32k", str(folder / "a.mka")], check=True)
    return folder / "a.mka"


@pytest.fixture(scope="session")
def samples_of() -> Callable[[Path], NDArray[np.float64]]:
    """Decodes a sound file as ffmpeg hears it."""

    def decode(path: Path) -> NDArray[np.float64]:
        command = [
            "ffmpeg",
            "-v",
            "error",
            "-nostdin",
            "-i",
            str(path),
            "-f",
            "s16le",
            "-ar",
            "48000",
            "-ac",
            "1",
            "-",
        ]
        raw = subprocess.run(command, check=True, capture_output=True).stdout
        return np.frombuffer(raw, np.int16).astype(np.float64) / 32768

    return decode
