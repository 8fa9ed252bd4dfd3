"""The level of 16 bit sound: cheap enough for a small Pi to measure all that it plays."""

from __future__ import annotations

import array
import math

FULL_SCALE = 32768.0
FLOOR_DB = -120.0
"""What zeros measure, and nothing at all."""
STEP = 16
"""Every 16th sample is enough to tell speech from silence."""


class LevelMeter:
    """RMS of mono sound between two questions, dBFS."""

    def __init__(self) -> None:
        self._squares = 0.0
        self._counted = 0

    def add(self, samples: bytes, gain: float = 1.0) -> None:
        """Takes sound on its way: 16 bit in this machine's order, and a gain that is applied to it later."""
        taken = array.array("h", samples[: len(samples) // 2 * 2])[::STEP]
        self._squares += sum(sample * sample for sample in taken) * gain**2
        self._counted += len(taken)

    def level_db(self) -> float:
        """The level since the last question; `FLOOR_DB` when nothing came."""
        squares, counted = self._squares, self._counted
        self._squares, self._counted = 0.0, 0
        if not squares:
            return FLOOR_DB
        level_db = 20 * math.log10(math.sqrt(squares / counted) / FULL_SCALE)
        return max(FLOOR_DB, round(level_db, 1))
