from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hardware.clock import SystemClock
from hardware.simulated.wire import SOCKET_NAME
from hardware.simulated.world import World

Until = Callable[[Callable[[], Any]], Any]


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


class CabinetOnBench:
    """A cabinet process, its folder and the world's hand on it."""

    def __init__(self, folder: Path, world: World) -> None:
        self.folder = folder
        self.world = world

    async def ask(self, **request: Any) -> dict[str, Any]:
        return await self.world.ask("bl-01", **request)

    def pins(self) -> list[tuple[str, int]]:
        lines = (self.folder / "pins.jsonl").read_text().splitlines()
        return [(fact["pin"], fact["level"]) for fact in map(json.loads, lines)]

    async def recording(self) -> NDArray[np.float64]:
        """Ends the cabinet; all that its horn emitted."""
        await self.world.finish()
        raw = (self.folder / "horn.wav").read_bytes()
        return np.frombuffer(raw[44:], np.int16).astype(np.float64) / 32768


@pytest.fixture
async def cabinet(tmp_path: Path, until: Until) -> AsyncIterator[CabinetOnBench]:
    folder = tmp_path / "cabinet"
    folder.mkdir()
    command = [
        sys.executable,
        "-m",
        "hardware.simulated.cabinet",
        "--dir",
        str(folder),
        "--cluster",
        "bl-01",
    ]
    process = await asyncio.create_subprocess_exec(*command, "--warm-up-s", "0.2")
    try:
        await until((folder / SOCKET_NAME).exists)
        async with World({"bl-01": folder}) as world:
            yield CabinetOnBench(folder, world)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await process.wait()


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
