"""The attention tone before an emergency: rising calls, no two alike, made here by arithmetic.

It carries far on a horn loudspeaker (500 to 1,400 Hz, with overtones) and tells people to listen before words begin.
"""

from __future__ import annotations

import array
import io
import math
import os
import wave
from pathlib import Path

RATE = 16_000
LENGTH_MS = 6_000
"""Eight seconds are the most that people bear before words (as in the CAP receivers of broadcasters)."""
CALL_S = 1.0
LOWEST_HZ, RISE_HZ, STEP_HZ = 500.0, 350.0, 110.0
"""Each call rises by so much; the next begins so much higher, so that a recording tells which one it was."""
OVERTONES = ((1, 0.62), (2, 0.26), (3, 0.12))
LEVEL = 0.55
"""Of full scale; about 3 dB over the loudest speech that the hub makes."""
WHOLE_BYTES = 44 + 2 * RATE * LENGTH_MS // 1000
EDGE_S = 0.03
"""Each call swells and fades within this: nothing cracks."""


def write_attention(path: Path) -> None:
    """Writes the tone, unless it is there already; a file of its length was written whole, or not at all.

    Raises:
        OSError: The card does not take it.
    """
    if path.exists() and path.stat().st_size == WHOLE_BYTES:
        return
    tone = attention()
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(tone)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def attention() -> bytes:
    """The whole WAV file."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(_samples().tobytes())
    return held.getvalue()


def _samples() -> array.array[int]:
    calls = round(LENGTH_MS / 1000 / CALL_S)
    return array.array("h", (one for call in range(calls) for one in _call(call)))


def _call(number: int) -> list[int]:
    length = round(CALL_S * RATE)
    phase, samples = 0.0, []
    for index in range(length):
        pitch_hz = LOWEST_HZ + number * STEP_HZ + RISE_HZ * index / length
        phase += 2 * math.pi * pitch_hz / RATE
        shape = min(1.0, index / (EDGE_S * RATE), (length - index) / (EDGE_S * RATE))
        wave_now = sum(share * math.sin(times * phase) for times, share in OVERTONES)
        samples.append(round(32767 * LEVEL * shape * wave_now))
    return samples
