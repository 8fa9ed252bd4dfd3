"""A short test tone as a sound file."""

from __future__ import annotations

import array
import math
import wave
from pathlib import Path

RATE = 48_000
PITCH_HZ = 880.0
LENGTH_S = 0.8
FADE_S = 0.05
LEVEL = 0.3
"""Of full scale: audible, and no fright for the village."""


def write_tone(path: Path) -> Path:
    """Writes the tone; it fades in and out, so that nothing cracks."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(_samples().tobytes())
    return path


def _samples() -> array.array[int]:
    length, fade = round(LENGTH_S * RATE), FADE_S * RATE
    return array.array(
        "h",
        (
            round(
                32767
                * LEVEL
                * min(1.0, index / fade, (length - index) / fade)
                * math.sin(2 * math.pi * PITCH_HZ * index / RATE)
            )
            for index in range(length)
        ),
    )
