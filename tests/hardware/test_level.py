"""What is measured of a sound: the same of a sound card and of its simulated twin."""

from __future__ import annotations

import array
import math
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hardware.card_tap import CONFIG, SYSTEM_CONFIG
from hardware.chime import SHA256, chime, write_chime
from hardware.clock import SystemClock
from hardware.level import FLOOR_DB, LevelMeter
from hardware.player import HeardOut, PlayerEvent, Progress
from hardware.player_vlc import VlcPlayer
from hardware.simulated.wire import SOCKET_NAME, hello

SECOND = 10**9
TONE_DB = -20.0


def tone(level_db: float, seconds: float = 1.0) -> bytes:
    peak = 32768 * math.sqrt(2) * 10 ** (level_db / 20)
    count = round(48_000 * seconds)
    turns = (round(peak * math.sin(0.05757 * index)) for index in range(count))
    return array.array("h", turns).tobytes()


@pytest.mark.parametrize("level_db", [-6.0, -20.0, -60.0])
def test_a_tone_measures_what_it_is(level_db: float) -> None:
    meter = LevelMeter()
    meter.add(tone(level_db))
    assert meter.level_db() == pytest.approx(level_db, abs=0.3)
    assert meter.level_db() == FLOOR_DB


def test_a_gain_that_comes_later_is_counted() -> None:
    meter = LevelMeter()
    meter.add(tone(-20.0), gain=0.1)
    assert meter.level_db() == pytest.approx(-40.0, abs=0.3)


def test_zeros_and_nothing_are_the_floor() -> None:
    meter = LevelMeter()
    meter.add(bytes(96_000))
    assert meter.level_db() == FLOOR_DB


def test_the_chime_is_the_same_everywhere_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "chime.wav"
    write_chime(path)
    assert path.read_bytes() == chime()
    path.write_bytes(b"damaged")
    write_chime(path)
    written = path.stat().st_mtime_ns
    write_chime(path)
    assert path.stat().st_mtime_ns == written  # what is whole is not written again
    assert subprocess.check_output(["sha256sum", path]).split()[0].decode() == SHA256


# A sound card and its twin


@pytest.fixture(scope="session")
def tone_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of a tone of -20 dBFS, two of silence, two of the tone: as the hub stores it."""
    folder = tmp_path_factory.mktemp("tone")
    (folder / "raw").write_bytes(tone(TONE_DB, 3) + bytes(96_000 * 2) + tone(TONE_DB, 2))
    made = folder / "tone.mka"
    command = ["ffmpeg", "-v", "error", "-f", "s16le", "-ar", "48000", "-ac", "1"]
    encode = ["-i", str(folder / "raw"), "-c:a", "libopus", "-b:a", "64k", str(made)]
    subprocess.run([*command, *encode], check=True)
    return made


@pytest.fixture(scope="session")
def paced_card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ALSA card that plays in real time, and the configuration that knows it."""
    folder = tmp_path_factory.mktemp("card")
    plugin = folder / "libasound_module_pcm_paced.so"
    source = Path(__file__).with_name("paced_card.c")
    build = ["gcc", "-O1", "-fPIC", "-shared", "-DPIC", "-o", str(plugin), str(source), "-lasound"]
    subprocess.run(build, check=True, capture_output=True)
    (folder / "asound.conf").write_text(
        f"<{SYSTEM_CONFIG}>\n"
        f'pcm_type.paced {{ lib "{plugin}" }}\n'
        f'pcm.paced {{ type paced log "{folder / "log"}" }}\n'
    )
    return folder


@pytest.fixture(params=["card", "horn"])
async def played(
    request: pytest.FixtureRequest, paced_card: Path, cabinet: Any, clock: SystemClock, until: Any
) -> AsyncIterator[Callable[..., Any]]:
    """Plays a sound on a card or on its twin, and gives what the player said."""
    if request.param == "card":
        os.environ[CONFIG] = str(paced_card / "asound.conf")
        output = "alsa:paced"
    else:
        output = f"horn:{cabinet.folder / SOCKET_NAME}"
    events: list[PlayerEvent] = []
    try:
        async with VlcPlayer(output, on_event=events.append, clock=clock) as player:

            async def play(path: Path, volume_pct: int) -> list[PlayerEvent]:
                await player.prepare("a", str(path), offset_ms=0, volume_pct=volume_pct)
                player.start_at("a", clock.mono_ns() + 2 * SECOND)
                await until(lambda: HeardOut(item="a") in events)
                return events

            yield play
    finally:
        os.environ.pop(CONFIG, None)


@pytest.mark.sound
@pytest.mark.parametrize(("volume_pct", "softer_db"), [(100, 0.0), (50, 18.06), (10, 60.0)])
async def test_the_level_is_that_of_what_goes_to_the_card(
    played: Callable[..., Any], tone_file: Path, volume_pct: int, softer_db: float
) -> None:
    levels = [
        event.level_db
        for event in await played(tone_file, volume_pct)
        if isinstance(event, Progress) and event.level_db is not None
    ]
    loud = sorted(levels)[-3:]
    assert loud == [pytest.approx(TONE_DB - softer_db, abs=1.5)] * 3
    assert min(levels) < -100  # the silence in its middle is measured as what it is


@pytest.mark.sound
async def test_a_card_that_puts_out_zeros_is_measured_and_mended_by_a_restart(
    cabinet: Any, tone_file: Path, clock: SystemClock, until: Any
) -> None:
    events: list[PlayerEvent] = []

    def levels() -> list[float | None]:
        return [event.level_db for event in events if isinstance(event, Progress)]

    with socket.socket(socket.AF_UNIX) as pins:
        pins.connect(str(cabinet.folder / SOCKET_NAME))
        pins.sendall(hello("pins"))
        output = f"horn:{cabinet.folder / SOCKET_NAME}"
        async with VlcPlayer(output, on_event=events.append, clock=clock) as player:
            await until(lambda: player.is_ready)
            await cabinet.world.set_card_silent(["bl-01"], silent=True, until_restart=True)
            await player.prepare("a", str(tone_file), offset_ms=0, volume_pct=100)
            player.start_at("a", clock.mono_ns())
            await until(lambda: FLOOR_DB in levels())
            first = player.process_id
            player.restart("it is silent")
            assert not player.is_ready
            await until(lambda: player.is_ready)
            assert player.process_id != first
            events.clear()
            await player.prepare("b", str(tone_file), offset_ms=0, volume_pct=100)
            player.start_at("b", clock.mono_ns())
            await until(levels)
            assert levels() == [pytest.approx(TONE_DB, abs=1.5)]
