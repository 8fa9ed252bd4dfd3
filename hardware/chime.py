"""The station chime: four soft bells, made here by arithmetic alone, so that it is the same file on every machine.

It stands in for an item that is not heard.
"""

from __future__ import annotations

import array
import hashlib
import io
import os
import wave
from pathlib import Path

RATE = 16_000
LENGTH_S = 4.0
SHA256 = "5aea0234252dfc7ca7db8d62d8d49e0fa487f781ed18511f5c0af14918a2c4a4"
"""Of the whole file: what is on the card is made anew when it is not this."""
BELLS = (
    (0.0, 0.988175220173, 0.153328843460),  # G4
    (0.5, 0.978963121303, 0.204037268968),  # C5
    (1.0, 0.966675040877, 0.256006572854),  # E5
    (1.5, 0.952980412526, 0.303031901524),  # G5
)
"""When each is struck, and cosine and sine of the angle by which it turns in one sample.

Written out, as mathematical libraries differ in the last digit."""
OVERTONES = (0.62, 0.25, 0.13)
"""Share of the tone itself, of its octave and of the twelfth."""
KEPT = 0.99991
"""What is left of a bell after one sample: half of it after half a second."""
STRIKE_S, FADE_S = 0.006, 0.3
"""It is struck softly, and ends without a crack."""
LOUDNESS = 12_600.0
"""Makes it -18 LUFS, as loud as what the hub has made of every upload."""


def write_chime(path: Path) -> None:
    """Writes the chime, unless it is there and whole.

    Raises:
        OSError: The card does not take it.
    """
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256:
        return
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(chime())
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def chime() -> bytes:
    """The whole WAV file."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(_samples().tobytes())
    return held.getvalue()


def _samples() -> array.array[int]:
    length = round(LENGTH_S * RATE)
    mixed = [0.0] * length
    for struck_s, cosine, sine in BELLS:
        _strike(mixed, round(struck_s * RATE), cosine, sine)
    fade = FADE_S * RATE
    return array.array(
        "h",
        (
            round(LOUDNESS * one * min(1.0, (length - index) / fade))
            for index, one in enumerate(mixed)
        ),
    )


def _strike(mixed: list[float], begin: int, cosine: float, sine: float) -> None:
    """Adds one bell: each of its tones is a pointer that turns and shrinks."""
    turn_x, turn_y = 1.0, 0.0
    strike = STRIKE_S * RATE
    for share in OVERTONES:
        turn_x, turn_y = turn_x * cosine - turn_y * sine, turn_x * sine + turn_y * cosine
        x, y = share, 0.0
        for index in range(begin, len(mixed)):
            x, y = (x * turn_x - y * turn_y) * KEPT, (x * turn_y + y * turn_x) * KEPT
            mixed[index] += y * min(1.0, (index - begin) / strike)
