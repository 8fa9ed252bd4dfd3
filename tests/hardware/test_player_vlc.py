from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.signal import correlate

from hardware import player_vlc
from hardware.clock import SystemClock
from hardware.player import Failed, HeardOut, PlayerEvent, Prepared, Progress, Ready, Started
from hardware.player_vlc import VlcPlayer
from hardware.simulated.wire import SOCKET_NAME, hello

pytestmark = pytest.mark.sound
SECOND = 10**9


class Bench:
    """A player on a cabinet whose amplifier is warm."""

    def __init__(
        self, player: VlcPlayer, events: list[PlayerEvent], cabinet: Any, clock: SystemClock
    ) -> None:
        self.player = player
        self.events = events
        self.cabinet = cabinet
        self.clock = clock

    def said(self, kind: type[PlayerEvent], item: str) -> list[PlayerEvent]:
        return [
            event
            for event in self.events
            if isinstance(event, kind) and getattr(event, "item", None) == item
        ]

    async def recording_from(self, mono_ns: int) -> Any:
        """What the horn emitted from an instant on."""
        first_ns = json.loads((self.cabinet.folder / "horn.json").read_text())["first_sample_ns"]
        epoch_over_mono_ns = self.clock.epoch_ns() - self.clock.mono_ns()
        index = round((mono_ns + epoch_over_mono_ns - first_ns) * 48_000 / SECOND)
        return (await self.cabinet.recording())[index:]


@pytest.fixture
async def bench(cabinet: Any, clock: SystemClock, until: Any) -> AsyncIterator[Bench]:
    events: list[PlayerEvent] = []
    with socket.socket(socket.AF_UNIX) as pins:
        pins.connect(str(cabinet.folder / SOCKET_NAME))
        pins.sendall(hello("pins"))
        pins.sendall(
            json.dumps({"t_ns": clock.epoch_ns(), "pin": "amp", "level": 1}).encode() + b"\n"
        )
        output = f"horn:{cabinet.folder / SOCKET_NAME}"
        async with VlcPlayer(output, on_event=events.append, clock=clock) as player:
            await until(lambda: player.is_ready)
            yield Bench(player, events, cabinet, clock)


def lag_ms(recording: Any, source: Any) -> float:
    """Where the source begins in the recording."""
    return float(np.argmax(correlate(recording, source, mode="valid", method="fft")) / 48)


def likeness(recording: Any, source: Any) -> float:
    """How loud the source is in the recording: 1.0 is as it was made."""
    return float(correlate(recording, source, mode="valid", method="fft").max() / np.sum(source**2))


Decode = Callable[[Path], Any]


async def test_a_sound_is_heard_whole_from_its_instant(
    bench: Bench, speech: Path, samples_of: Decode, until: Any
) -> None:
    start_ns = bench.clock.mono_ns() + 2 * SECOND
    await bench.player.prepare("a", str(speech), offset_ms=0, volume_pct=100)
    bench.player.start_at("a", start_ns)
    await until(lambda: bench.said(HeardOut, "a"))
    kinds = [type(event) for event in bench.events]
    assert kinds[:3] == [Ready, Prepared, Started]
    assert Progress in kinds
    source = samples_of(speech)
    heard = await bench.recording_from(start_ns - SECOND // 2)
    assert lag_ms(heard, source) == pytest.approx(500, abs=100)
    assert likeness(heard, source) == pytest.approx(1.0, abs=0.05)
    begin = round(lag_ms(heard, source) * 48)
    assert np.flatnonzero(heard[begin:])[-1] > len(source) - 48 * 5  # to its last sample


async def test_a_start_in_the_middle_is_in_step(
    bench: Bench, speech: Path, samples_of: Decode, until: Any
) -> None:
    start_ns = bench.clock.mono_ns() + 2 * SECOND
    await bench.player.prepare("a", str(speech), offset_ms=1217, volume_pct=100)
    bench.player.start_at("a", start_ns)
    await until(lambda: bench.said(HeardOut, "a"))
    heard = await bench.recording_from(start_ns - SECOND // 2)
    rest = samples_of(speech)[1217 * 48 :]
    assert lag_ms(heard, rest) == pytest.approx(500, abs=100)


async def test_volume_is_amplitude_by_the_cube(
    bench: Bench, speech: Path, samples_of: Decode, until: Any
) -> None:
    start_ns = bench.clock.mono_ns() + 2 * SECOND
    await bench.player.prepare("a", str(speech), offset_ms=0, volume_pct=50)
    bench.player.start_at("a", start_ns)
    await until(lambda: bench.said(HeardOut, "a"))
    source = samples_of(speech)
    heard = await bench.recording_from(start_ns - SECOND // 2)
    assert likeness(heard, source) == pytest.approx(0.125, abs=0.02)


async def test_the_next_sound_cuts_the_one_that_still_sounds(
    bench: Bench, speech: Path, until: Any
) -> None:
    start_ns = bench.clock.mono_ns() + 2 * SECOND
    for item, at_ns in (("a", start_ns), ("b", start_ns + SECOND)):
        await bench.player.prepare(item, str(speech), offset_ms=0, volume_pct=100)
        bench.player.start_at(item, at_ns)
    await until(lambda: bench.said(HeardOut, "b"))
    assert bench.said(Started, "a")


async def test_a_stopped_sound_is_silent(bench: Bench, speech: Path, until: Any) -> None:
    await bench.player.prepare("a", str(speech), offset_ms=0, volume_pct=100)
    bench.player.start_at("a", bench.clock.mono_ns() + SECOND)
    await until(lambda: bench.said(Started, "a"))
    bench.player.stop("a")
    stopped_ns = bench.clock.mono_ns()
    await bench.player.prepare("b", str(speech), offset_ms=0, volume_pct=100)
    bench.player.start_at("b", stopped_ns + 2 * SECOND)
    await until(lambda: bench.said(HeardOut, "b"))
    assert not bench.said(HeardOut, "a")
    heard = await bench.recording_from(stopped_ns + SECOND // 2)
    assert np.abs(heard[:48_000]).max() == 0


@pytest.mark.parametrize("content", [b"", b"no sound at all" * 100])
async def test_what_is_no_sound_fails_and_says_so(
    bench: Bench, tmp_path: Path, content: bytes, until: Any
) -> None:
    path = tmp_path / "broken.mka"
    path.write_bytes(content)
    await bench.player.prepare("a", str(path), offset_ms=0, volume_pct=100)
    failed = await until(lambda: bench.said(Failed, "a"))
    assert failed[0].why


async def test_a_missing_file_fails(bench: Bench, tmp_path: Path, until: Any) -> None:
    await bench.player.prepare("a", str(tmp_path / "absent.mka"), offset_ms=0, volume_pct=100)
    await until(lambda: bench.said(Failed, "a"))


async def test_a_missing_sound_card_is_a_failure_and_not_a_success(
    speech: Path, clock: SystemClock, until: Any
) -> None:
    events: list[PlayerEvent] = []
    async with VlcPlayer("alsa:no-such-card", on_event=events.append, clock=clock) as player:
        await player.prepare("a", str(speech), offset_ms=0, volume_pct=100)
        await until(lambda: Prepared(item="a") in events or Failed in map(type, events))
        player.start_at("a", clock.mono_ns())
        await until(lambda: {Failed, HeardOut} & set(map(type, events)))
    assert "is the sound card there?" in next(e.why for e in events if isinstance(e, Failed))


async def test_a_card_that_takes_the_sound_is_no_failure(
    speech: Path, clock: SystemClock, until: Any
) -> None:
    events: list[PlayerEvent] = []
    async with VlcPlayer("alsa:null", on_event=events.append, clock=clock) as player:
        await player.prepare("a", str(speech), offset_ms=0, volume_pct=100)
        await until(lambda: Prepared(item="a") in events)
        player.start_at("a", clock.mono_ns())
        await until(lambda: HeardOut(item="a") in events)


async def test_a_killed_worker_is_replaced(bench: Bench, speech: Path, until: Any) -> None:
    await bench.player.prepare("a", str(speech), offset_ms=0, volume_pct=100)
    bench.player.start_at("a", bench.clock.mono_ns() + SECOND // 2)
    await until(lambda: bench.said(Started, "a"))
    first = bench.player.process_id
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: bench.said(Failed, "a"))
    await until(lambda: bench.player.is_ready and bench.player.process_id != first)
    await bench.player.prepare("b", str(speech), offset_ms=0, volume_pct=100)
    await until(lambda: bench.said(Prepared, "b"))


async def test_a_frozen_worker_is_replaced(bench: Bench, speech: Path, until: Any) -> None:
    await bench.player.prepare("a", str(speech), offset_ms=0, volume_pct=100)
    bench.player.start_at("a", bench.clock.mono_ns() + SECOND // 2)
    await until(lambda: bench.said(Started, "a"))
    assert bench.player.process_id is not None
    os.kill(bench.player.process_id, signal.SIGSTOP)
    assert "no sign of life" in (await until(lambda: bench.said(Failed, "a")))[0].why


def worker_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """In place of the worker, a program of the same manners that does this."""
    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable}\nimport sys, time, json\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


SAYS_READY = "print(json.dumps({'type': 'ready'}), flush=True)\n"
FAILS_ALL = (
    "for line in sys.stdin:\n"
    "    item = json.loads(line)['item']\n"
    "    print(json.dumps({'type': 'failed', 'item': item, 'why': 'as told'}), flush=True)\n"
)


async def test_a_worker_that_cannot_be_started_is_tried_again(
    tmp_path: Path, clock: SystemClock, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker_that(tmp_path, monkeypatch, SAYS_READY + FAILS_ALL)
    (tmp_path / "python").chmod(0)
    events: list[PlayerEvent] = []
    async with VlcPlayer("none", on_event=events.append, clock=clock) as player:
        await player.prepare("a", "x", offset_ms=0, volume_pct=1)
        why = (await until(lambda: [e for e in events if isinstance(e, Failed)]))[0].why
        assert "cannot be started" in why
        (tmp_path / "python").chmod(0o755)
        await until(lambda: player.is_ready)


async def test_a_worker_that_says_a_line_without_end_is_replaced(
    tmp_path: Path, clock: SystemClock, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "second"
    body = (
        f"import pathlib\nmark = pathlib.Path({str(mark)!r})\n"
        "if not mark.exists():\n"
        "    mark.touch()\n"
        "    sys.stdout.write('x' * 300_000)\n"
        "    sys.stdout.flush()\n"
        "else:\n"
        "    print(json.dumps({'type': 'ready'}), flush=True)\n"
        "sys.stdin.read()"
    )
    worker_that(tmp_path, monkeypatch, body)
    async with VlcPlayer("none", on_event=print, clock=clock) as player:
        await until(lambda: player.is_ready)


async def test_a_keeper_that_ends_by_an_unforeseen_fault_ends_the_block(
    tmp_path: Path, clock: SystemClock, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker_that(tmp_path, monkeypatch, SAYS_READY + FAILS_ALL)

    def refuse(event: PlayerEvent) -> None:
        raise KeyError(event)

    async def play_for_ever() -> None:
        async with VlcPlayer("none", on_event=refuse, clock=clock) as player:
            await until(lambda: player.is_ready)
            await player.prepare("a", "x", offset_ms=0, volume_pct=1)
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        await play_for_ever()
    assert caught.group_contains(KeyError)


async def test_a_worker_that_starts_slowly_keeps_what_waits_for_it(
    tmp_path: Path, clock: SystemClock, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The patience with a sound is made short here; the one with a start is another."""
    monkeypatch.setattr(player_vlc, "STALL_S", 0.2)
    go = tmp_path / "go"
    body = (
        f"import pathlib\ngo = pathlib.Path({str(go)!r})\nwhile not go.exists(): time.sleep(0.01)\n"
    )
    worker_that(tmp_path, monkeypatch, body + SAYS_READY + FAILS_ALL)
    events: list[PlayerEvent] = []
    async with VlcPlayer("none", on_event=events.append, clock=clock) as player:
        await player.prepare("a", "x", offset_ms=0, volume_pct=1)
        waited_until_ns = clock.mono_ns() + SECOND
        await until(lambda: events or clock.mono_ns() > waited_until_ns)
        assert events == []
        go.touch()
        await until(lambda: len(events) > 1)
        assert events == [Ready(), Failed(item="a", why="as told")]


async def test_a_worker_that_is_never_ready_is_replaced(
    tmp_path: Path, clock: SystemClock, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player_vlc, "STALL_S", 0.1)
    monkeypatch.setattr(player_vlc, "START_S", 0.3)
    worker_that(tmp_path, monkeypatch, "sys.stdin.read()")
    async with VlcPlayer("none", on_event=print, clock=clock) as player:
        first = await until(lambda: player.process_id)
        await until(lambda: player.process_id not in (None, first))


async def test_the_worker_ends_with_its_parent(cabinet: Any, until: Any) -> None:
    script = (
        "import asyncio, sys; from hardware.player_vlc import VlcPlayer; from hardware.clock import SystemClock\n"
        "async def main():\n"
        f"    async with VlcPlayer('horn:{cabinet.folder / SOCKET_NAME}', on_event=id, clock=SystemClock()) as p:\n"
        "        while not p.is_ready: await asyncio.sleep(0.01)\n"
        "        print(p.process_id, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert agent.stdout is not None
    worker = int(await agent.stdout.readline())
    agent.kill()
    await agent.wait()
    await until(
        lambda: (
            not Path(f"/proc/{worker}/cmdline").exists()
            or not Path(f"/proc/{worker}/cmdline").read_bytes()
        )
    )
