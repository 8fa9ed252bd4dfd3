from __future__ import annotations

import asyncio
import sys
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory

from hardware.board import CABINET
from hardware.clock import SystemClock
from hardware.devices import Devices
from hardware.libvlc import libvlc_version
from hardware.player import Failed, HeardOut, Prepared
from hardware.probing import Event, Prober
from hardware.relay import GpioRelay
from hardware.surge_gpio import SurgeSensor
from hardware.tone import LENGTH_S, PITCH_HZ, RATE, write_tone

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command as a person runs it, away from the repository."""

    async def selftest(*arguments: str | Path) -> tuple[int, str, str]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hardware.selftest", *arguments,
            stdout=pipe, stderr=pipe, cwd=tmp_path,
        )  # fmt: skip
        out, error = await process.communicate()
        return process.returncode or 0, out.decode(), error.decode()

    return selftest


@pytest.mark.sound
async def test_a_sound_cabinet_passes_and_its_horn_beeps(cabinet: Any, run: Run) -> None:
    code, out, _ = await run("--simulated", cabinet.folder)
    parts = [line.split(":")[0] for line in out.splitlines()]
    assert code == 0, out
    assert parts[:3] == ["đạt   Rơ-le amp", "đạt   Chống sét", "đạt   Bộ đếm sét"]
    assert await cabinet.level("amp") == 0
    recording = await cabinet.recording()
    spectrum = np.abs(np.fft.rfft(recording))
    assert np.argmax(spectrum) * RATE / len(recording) == pytest.approx(PITCH_HZ, abs=5)


@pytest.mark.sound
async def test_faults_are_named_in_the_language_asked_for(cabinet: Any, run: Run) -> None:
    await cabinet.world.set_input(["bl-01"], "spd_ok", closed=False)
    await cabinet.world.set_input(["bl-01"], "surge_pulse", closed=True)
    await cabinet.world.set_clock(["bl-01"], synchronised=False, rtc=False)
    code, out, _ = await run("--english", "--simulated", cabinet.folder)
    faults = [line.split(":")[0] for line in out.splitlines() if line.startswith("FAULT")]
    assert code == 1
    assert faults == ["FAULT Surge arrester", "FAULT Surge counter", "FAULT Clock"]


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ([], "CẢNH BÁO"),
        (["--english"], "WARNING"),
        (["--board", "fm-brigde", "--yes"], "did you mean 'fm-bridge'?"),
        (["--simulated", "."], "không có tủ mô phỏng"),
        (["--simulated", ".", "--english"], "no simulated cabinet"),
    ],
)
async def test_a_mistake_is_one_line(run: Run, arguments: list[str], answer: str) -> None:
    code, out, error = await run(*arguments)
    assert (code, out) == (2, "")
    assert answer in error
    assert len(error.splitlines()) == 1


# The prober, with a player that behaves as told


class ShyPlayer:
    """Prepares and plays at once, or fails at a step, or says nothing."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self.fails_at = ""
        self.is_ready = True
        self.stopped: list[str] = []

    async def prepare(self, item: str, path: str, *, offset_ms: int, volume_pct: int) -> None:
        assert path.endswith("/tone.wav")
        assert (offset_ms, volume_pct) == (0, 80)
        self._answer("prepare", item, Prepared(item=item))

    def start_at(self, item: str, mono_ns: int) -> None:
        assert mono_ns > 0
        self._answer("start", item, HeardOut(item=item))

    def stop(self, item: str) -> None:
        self.stopped.append(item)

    def restart(self, why: str) -> None:
        raise AssertionError(why)

    def _answer(self, step: str, item: str, event: Event) -> None:
        self._tell(Failed(item=item, why="shy") if step == self.fails_at else event)


class Table:
    def __init__(self, prober: Prober, devices: Devices, player: ShyPlayer, pins: Any) -> None:
        self.prober = prober
        self.devices = devices
        self.player = player
        self.pins = pins


@pytest.fixture
async def table(clock: SystemClock) -> AsyncIterator[Table]:
    events: asyncio.Queue[Event] = asyncio.Queue()
    pins, player = MockFactory(), ShyPlayer(events.put_nowait)
    with (
        GpioRelay(CABINET.amplifier, pins, events.put_nowait) as amplifier,
        SurgeSensor(CABINET.arrester, CABINET.surge_pulse, pins, events.put_nowait) as surge,
    ):
        devices = Devices(
            cell_time=None, clock=clock, amplifier=amplifier, surge=surge, player=player
        )
        yield Table(Prober(devices, CABINET, events), devices, player, pins)


async def skipping(pass_by: Any, probe: Awaitable[Any]) -> Any:
    """Lets a probe run while hours pass for its timers."""
    running = asyncio.ensure_future(probe)
    while not running.done():
        await pass_by(5.0)
    return await running


async def test_a_relay_that_obeys_goes_on_and_off(table: Table, pass_by: Any) -> None:
    reading = await skipping(pass_by, table.prober.click_relay())
    assert (reading.went_on, reading.went_off) == (True, True)
    assert [state.state for state in table.pins.pin(22).states] == [False, True, False]


async def test_an_arrester_is_read_when_it_keeps_still(table: Table, pass_by: Any) -> None:
    table.pins.pin(CABINET.arrester.gpio).drive_low()
    assert await skipping(pass_by, table.prober.read_arrester()) is True


@pytest.mark.parametrize(
    ("fails_at", "heard_out", "why"),
    [("", True, ""), ("prepare", False, "shy"), ("start", False, "shy")],
)
async def test_a_tone_is_as_the_player_says(
    table: Table, pass_by: Any, fails_at: str, heard_out: bool, why: str
) -> None:
    table.player.fails_at = fails_at
    reading = await skipping(pass_by, table.prober.play_tone())
    assert (reading.heard_out, reading.why) == (heard_out, why)
    assert not table.devices.amplifier.is_on


async def test_a_player_that_says_nothing_is_a_fault(table: Table, pass_by: Any) -> None:
    table.player._tell = lambda _event: None
    reading = await skipping(pass_by, table.prober.play_tone())
    assert (reading.heard_out, reading.why) == (False, "the player does not answer")


async def test_a_tone_can_be_opened_in_silence(table: Table, pass_by: Any) -> None:
    reading = await skipping(pass_by, table.prober.open_tone())
    assert reading.heard_out
    assert table.player.stopped == ["selftest-tone"]
    assert [state.state for state in table.pins.pin(22).states] == [False]


# Small parts


def test_the_tone_is_short_and_neither_loud_nor_cracking(tmp_path: Path) -> None:
    with wave.open(str(write_tone(tmp_path / "tone.wav"))) as file:
        assert file.getnframes() == LENGTH_S * RATE
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert 0.2 < np.max(np.abs(samples.astype(int))) / 32768 < 0.4
    assert abs(int(samples[0])) < 50
    assert abs(int(samples[-1])) < 50


@pytest.mark.sound
def test_libvlc_tells_its_version() -> None:
    version = libvlc_version()
    assert version is not None
    assert version.startswith("3.")


def test_a_missing_libvlc_is_none() -> None:
    assert libvlc_version("libvlc-that-is-not-there.so") is None
