"""The player process: libvlc, kept warm and apart, so that its crash or leak is a restart and not the agent's end.

It reads JSON commands, one a line, from its standard input, says events on its standard output, and ends at once
when its input ends (the agent is gone).
"""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
import threading
from contextlib import suppress
from typing import Any

import vlc

from hardware.clock import SystemClock
from hardware.sound_output import SoundOutput, Voice, open_output

VLC_OPTIONS = (
    "--quiet", "--intf=dummy", "--no-video", "--no-spu", "--no-lua", "--no-media-library",
    "--no-metadata-network-access", "--no-sub-autodetect-file", "--no-interact",
)  # fmt: skip
OPUS_DELAY_NS = 7_500_000
"""VLC presents an Opus file's first sample so long after its first block (pre-skip of 312 samples, and Matroska's
time stamps in whole milliseconds); measured at four positions, 6.5 to 7.6 ms."""
EARLY_NS = 60_000
"""The kernel wakes a sleeper about so late (hrtimer slack and a context switch)."""
PROGRESS_NS = 1_000_000_000
PREPARE_LIMIT_NS = 3_000_000_000
REALTIME = 40
"""Above libvlc's own threads."""
NO_CARD = "nothing of it came out: is the sound card there?"
POLL_S = 0.02
IDLE_S = 30.0


class Sound:
    """One sound from its preparation to its end."""

    def __init__(
        self, item: str, player: vlc.MediaPlayer, voice: Voice, *, delay_ns: int, opened_ns: int
    ) -> None:
        self.item = item
        self.player = player
        self.voice = voice
        self.delay_ns = delay_ns
        self.opened_ns = opened_ns
        self.is_prepared = False
        self.start_ns: int | None = None
        self.released_ns: int | None = None
        self.told_start = False
        self.progress_ns = 0
        self.ended_ns: int | None = None


class Worker:
    """Carries out commands and watches over the sounds, in one thread."""

    def __init__(self, output: SoundOutput, clock: SystemClock, *more_options: str) -> None:
        self._output = output
        self._clock = clock
        self._vlc = vlc.Instance(*VLC_OPTIONS, *more_options, *output.instance_options)
        self._sounds: dict[str, Sound] = {}
        self._number = 0

    def run(self) -> None:
        """Serves until the input ends."""
        self._say("ready")
        buffer = b""
        while True:
            ready, _, _ = select.select([0], [], [], self._pause_s())
            if ready:
                data = os.read(0, 65536)
                if not data:
                    os._exit(0)
                *lines, buffer = (buffer + data).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
            self._look()

    def _say(self, tag: str, **facts: str | float | None) -> None:
        with suppress(BrokenPipeError):
            os.write(1, json.dumps({"type": tag, **facts}).encode() + b"\n")

    def _obey(self, command: dict[str, Any]) -> None:
        match command.pop("do"):
            case "prepare":
                self._prepare(**command)
            case "start":
                if sound := self._sounds.get(command["item"]):
                    sound.start_ns = command["mono_ns"]
            case "stop":
                if sound := self._sounds.pop(command["item"], None):
                    sound.voice.cut(self._clock.mono_ns())
                    self._let_go(sound)

    def _prepare(self, item: str, path: str, offset_ms: int, volume_pct: int) -> None:
        self._number += 1
        player = self._vlc.media_player_new()
        voice = self._output.attach(player, self._number)
        media = self._vlc.media_new_path(path)
        media.add_option(":start-paused")
        if offset_ms:
            media.add_option(f":start-time={offset_ms / 1000:.3f}")
        player.set_media(media)
        media.release()
        voice.set_volume(volume_pct)
        delay_ns = 0 if path.endswith(".wav") else OPUS_DELAY_NS
        self._sounds[item] = Sound(
            item, player, voice, delay_ns=delay_ns, opened_ns=self._clock.mono_ns()
        )
        player.play()

    # Watching

    def _pause_s(self) -> float:
        """How long nothing needs doing."""
        now = self._clock.mono_ns()
        pause_s = IDLE_S
        for sound in self._sounds.values():
            if not sound.is_prepared or sound.released_ns is not None:
                pause_s = min(pause_s, POLL_S if not self._is_steady(sound, now) else 0.25)
            if sound.start_ns is not None and sound.released_ns is None:
                left_ns = self._release_at(sound) - now - EARLY_NS
                pause_s = min(pause_s, max(0.0, left_ns / 1e9))
        return pause_s

    def _is_steady(self, sound: Sound, now: int) -> bool:
        """Sounding, told of, and not near its end."""
        near_end = sound.ended_ns is not None and sound.ended_ns - now < 300_000_000  # noqa: PLR2004
        return sound.told_start and not near_end

    def _release_at(self, sound: Sound) -> int:
        return (sound.start_ns or 0) - self._output.latency_ns - sound.delay_ns

    def _look(self) -> None:
        for sound in list(self._sounds.values()):
            if not sound.is_prepared:
                self._look_prepared(sound)
            elif sound.released_ns is None:
                self._look_release(sound)
            else:
                self._look_sounding(sound)

    def _look_prepared(self, sound: Sound) -> None:
        state = sound.player.get_state()
        if state == vlc.State.Paused:
            sound.is_prepared = True
            self._say("prepared", item=sound.item)
        elif state in (vlc.State.Error, vlc.State.Ended, vlc.State.Stopped):
            self._fail(sound, "the file cannot be played")
        elif self._clock.mono_ns() - sound.opened_ns > PREPARE_LIMIT_NS:
            self._fail(sound, f"not open after {PREPARE_LIMIT_NS / 1e9:.0f} s")

    def _look_release(self, sound: Sound) -> None:
        if sound.start_ns is None:
            return
        if self._release_at(sound) - self._clock.mono_ns() > EARLY_NS:
            return
        sound.player.set_pause(0)
        sound.released_ns = self._clock.mono_ns()
        sound.progress_ns = sound.released_ns
        for other in [
            one for one in self._sounds.values() if one is not sound and one.released_ns is not None
        ]:
            if other.ended_ns is None:
                other.voice.cut(sound.start_ns)

    def _look_sounding(self, sound: Sound) -> None:
        now = self._clock.mono_ns()
        if not sound.told_start:
            self._tell_start(sound, now)
        state = sound.player.get_state()
        if state == vlc.State.Error:
            self._fail(sound, "VLC gave up")
            return
        if state in (vlc.State.Ended, vlc.State.Stopped):
            sound.ended_ns = max(sound.ended_ns or now, sound.voice.end_ns or now)
        if sound.ended_ns is not None and now >= sound.ended_ns:
            self._end(sound)
        elif now - sound.progress_ns >= PROGRESS_NS:
            self._tell_progress(sound, now)

    def _end(self, sound: Sound) -> None:
        if not sound.voice.has_sounded():
            self._fail(sound, NO_CARD)
            return
        self._say("heard_out", item=sound.item)
        self._let_go(self._sounds.pop(sound.item))

    def _tell_progress(self, sound: Sound, now: int) -> None:
        if sound.told_start and not sound.voice.has_sounded():
            self._fail(sound, NO_CARD)
            return
        sound.progress_ns = now
        position_ms = max(0, sound.player.get_time())
        level_db = sound.voice.level_db()
        self._say("progress", item=sound.item, position_ms=position_ms, level_db=level_db)

    def _tell_start(self, sound: Sound, now: int) -> None:
        latency_ns = self._output.latency_ns
        is_playing = sound.player.get_state() == vlc.State.Playing
        if sound.voice.first_ns is None and not (
            is_playing and now - (sound.released_ns or 0) > latency_ns
        ):
            return
        mono_ns = (sound.released_ns or 0) + latency_ns + sound.delay_ns
        sound.told_start = True
        sound.voice.level_db()  # what another sound has left there
        self._say("started", item=sound.item, mono_ns=mono_ns)

    def _fail(self, sound: Sound, why: str) -> None:
        self._say("failed", item=sound.item, why=why)
        self._let_go(self._sounds.pop(sound.item))

    def _let_go(self, sound: Sound) -> None:
        """Stopping in libvlc may take 100 ms; nothing else waits for it."""
        threading.Thread(target=self._release, args=(sound,), daemon=True).start()

    @staticmethod
    def _release(sound: Sound) -> None:
        sound.player.stop()
        sound.player.release()


def _go_first() -> tuple[str, ...]:
    """Sound goes before everything else where that is permitted.

    Returns:
        The options by which libvlc orders its own threads: reading goes before decoding, so that of several
        players starting at one instant none waits for another's decoder.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REALTIME))
    except OSError:
        with suppress(OSError):
            os.nice(-10)
        return ()
    return ("--rt-priority", "--rt-offset=5")


def main() -> None:
    """Runs the worker on its standard input and output."""
    parser = argparse.ArgumentParser(prog="python -m hardware.player_worker")
    parser.add_argument("--output", required=True, help="alsa, alsa:DEVICE or horn:SOCKET")
    options = parser.parse_args()
    options_of_rank = _go_first()
    try:
        output = open_output(options.output)
    except (OSError, ValueError) as error:
        sys.exit(f"player: {error}")
    Worker(output, SystemClock(), *options_of_rank).run()


if __name__ == "__main__":
    main()
