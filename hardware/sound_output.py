"""Where a player's sound goes: the sound card through VLC's own ALSA output, or a simulated horn."""

from __future__ import annotations

import ctypes
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import vlc

from hardware.card_tap import NAME, CardTap
from hardware.clock import SystemClock
from hardware.level import LevelMeter
from hardware.simulated.wire import CARD_IS_SILENT, RATE, FrameKind, frame, hello

log = logging.getLogger(__name__)

CARD_BUFFER_NS = 200_000_000
"""How far ahead a sound card takes sound (ALSA cards take 50 to 500 ms)."""


class Voice(Protocol):
    """The output side of one prepared sound."""

    first_ns: int | None
    """Presentation time of its first block, once known (CLOCK_MONOTONIC)."""
    end_ns: int | None
    """Presentation time of the end of its last block, where the output can tell."""

    def set_volume(self, volume_pct: int) -> None:
        """Loudness from now on: VLC's law, amplitude by the cube of the volume."""
        ...

    def level_db(self) -> float | None:
        """RMS of what went to the card since the last question, dBFS, after the volume; None: it cannot be told."""
        ...

    def has_sounded(self) -> bool:
        """Whether the output has taken anything of it (a card tells a quarter of a second late)."""
        ...

    def cut(self, mono_ns: int) -> None:
        """Nothing of it sounds from this instant on."""
        ...


class SoundOutput(Protocol):
    """Gives each media player its way out."""

    instance_options: tuple[str, ...]
    latency_ns: int
    """From the release of a prepared sound to its presentation."""

    def attach(self, player: vlc.MediaPlayer, number: int) -> Voice:
        """Connects one media player."""
        ...


class CardVoice:
    """A sound on its way to the card, all in VLC's hands."""

    first_ns: int | None = None
    end_ns: int | None = None

    def __init__(self, player: vlc.MediaPlayer, tap: CardTap | None) -> None:
        self._player = player
        self._tap = tap

    def set_volume(self, volume_pct: int) -> None:
        """VLC scales the sound itself."""
        self._player.audio_set_volume(volume_pct)

    def level_db(self) -> float | None:
        """What came out of the tap, whoever brought it: of two sounds one is silent."""
        return self._tap.level_db() if self._tap else None

    def has_sounded(self) -> bool:
        """Without a card VLC runs through the file all the same: what it has put out tells."""
        stats, media = vlc.MediaStats(), self._player.get_media()
        if media is None:
            return False
        media.get_stats(stats)
        media.release()
        return bool(stats.played_abuffers)

    def cut(self, mono_ns: int) -> None:
        """Stopping the player is enough."""
        del mono_ns


class CardOutput:
    """A sound card by ALSA; `device` as in `aplay -L`, empty for the system's default."""

    latency_ns = 10_100_000
    """libvlc's own, measured; a card's buffer comes on top and is the same for all clusters of a kind."""

    def __init__(self, device: str = "") -> None:
        try:
            self._tap: CardTap | None = CardTap(device)
        except OSError as error:
            log.warning("the level of the sound cannot be measured: %s", error)
            self._tap = None
        chosen = NAME if self._tap else device or "default"
        self.instance_options: tuple[str, ...] = ("--aout=alsa", f"--alsa-audio-device={chosen}")

    def attach(self, player: vlc.MediaPlayer, number: int) -> Voice:
        """VLC knows the way; nothing to connect."""
        del number
        return CardVoice(player, self._tap)


class HornOutput:
    """The horn of a simulated cabinet: VLC's decoded blocks with their presentation times."""

    instance_options: tuple[str, ...] = ()
    latency_ns = 10_100_000

    def __init__(self, socket_path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(socket_path)
        self._socket.sendall(hello("sound"))
        self._card_is_silent = False

    def attach(self, player: vlc.MediaPlayer, number: int) -> Voice:
        """Catches the blocks of one media player."""
        voice = HornVoice(
            self._socket.sendall, number, SystemClock(), card_is_silent=self._is_silent
        )
        voice.catch(player)
        return voice

    def _is_silent(self) -> bool:
        """Whether the card puts out zeros although all seems well; the cabinet says so when it changes."""
        with suppress(OSError):
            if said := self._socket.recv(64, socket.MSG_DONTWAIT):
                self._card_is_silent = said[-1:] == CARD_IS_SILENT
        return self._card_is_silent


class HornVoice:
    """One media player's blocks on their way to the horn."""

    def __init__(
        self,
        send: Callable[[bytes], None],
        number: int,
        clock: SystemClock,
        *,
        card_is_silent: Callable[[], bool],
    ) -> None:
        self._send = send
        self._card_is_silent = card_is_silent
        self._clock = clock
        self._number = number
        self._meter = LevelMeter()
        self._gain = 1.0
        self._closed = threading.Event()
        self._is_drained = False
        self._callbacks: tuple[Any, ...] = ()
        self.first_ns: int | None = None
        self.end_ns: int | None = None

    def set_volume(self, volume_pct: int) -> None:
        """As VLC's ALSA output scales it."""
        self._gain = (volume_pct / 100) ** 3

    def catch(self, player: vlc.MediaPlayer) -> None:
        """Registers the callbacks; they must live as long as the player."""
        play = vlc.CallbackDecorators.AudioPlayCb(self._on_block)
        flush = vlc.CallbackDecorators.AudioFlushCb(self._on_flush)
        drain = vlc.CallbackDecorators.AudioDrainCb(self._on_drain)
        self._callbacks = (play, flush, drain)
        player.audio_set_callbacks(play, None, None, flush, drain, None)
        player.audio_set_format("S16N", RATE, 1)

    def _on_block(self, _opaque: int, samples: int, count: int, pts_us: int) -> None:
        if self._closed.is_set():
            return
        self._is_drained = False
        length = count * 2
        block = bytes(length) if self._card_is_silent() else ctypes.string_at(samples, length)
        mono_ns = pts_us * 1000 if pts_us > 0 else self._next_ns()
        if self.first_ns is None:
            self.first_ns = mono_ns
        self.end_ns = mono_ns + count * 1_000_000_000 // RATE
        self._wait_for_room(mono_ns)
        self._put(FrameKind.BLOCK, mono_ns, block)
        self._meter.add(block, self._gain)

    def _wait_for_room(self, mono_ns: int) -> None:
        """A card's buffer is short: who brings sound too early waits, and leaves the processor to others."""
        ahead_ns = mono_ns - self._clock.mono_ns() - CARD_BUFFER_NS
        if ahead_ns > 0:
            self._closed.wait(ahead_ns / 1e9)

    def _next_ns(self) -> int:
        """Where a block without a presentation time belongs: behind the last one."""
        return self.end_ns or self._clock.mono_ns() + HornOutput.latency_ns

    def _on_drain(self, _opaque: int) -> None:
        """The file is at its end: as a card does, play out what is on its way before VLC closes the output."""
        if self.end_ns is not None:
            self._closed.wait(max(0, self.end_ns - self._clock.mono_ns()) / 1e9)
            self._is_drained = True

    def _on_flush(self, _opaque: int, _pts_us: int) -> None:
        if self.first_ns is not None and not self._is_drained:
            self._put(FrameKind.CUT, self._clock.mono_ns())

    def _put(self, kind: FrameKind, mono_ns: int, block: bytes = b"") -> None:
        try:
            self._send(
                frame(kind, self._number, mono_ns, self._clock.mono_ns(), block, gain=self._gain)
            )
        except OSError:
            self._closed.set()  # the cabinet lost its power; the parent hears of it by the missing progress

    def level_db(self) -> float | None:
        """RMS since the last question."""
        return self._meter.level_db()

    def has_sounded(self) -> bool:
        """Whether a block went out."""
        return self.first_ns is not None

    def cut(self, mono_ns: int) -> None:
        """Nothing of it sounds from this instant on."""
        self._put(FrameKind.CUT, mono_ns)
        self._closed.set()


def open_output(spec: str) -> SoundOutput:
    """The output that `alsa`, `alsa:DEVICE` or `horn:SOCKET` names.

    Raises:
        ValueError: It names none.
        OSError: The horn's socket does not answer.
    """
    kind, _, rest = spec.partition(":")
    match kind:
        case "alsa":
            return CardOutput(rest)
        case "horn":
            return HornOutput(rest)
        case _:
            raise ValueError(
                f"no sound output is called {spec!r}; there are alsa, alsa:DEVICE and horn:SOCKET"
            )
