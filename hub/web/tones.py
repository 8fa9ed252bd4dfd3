"""How urgent a thing looks."""

from __future__ import annotations

from enum import StrEnum


class Tone(StrEnum):
    """What a card or a line looks like, most urgent first."""

    BAD = "bad"
    WARN = "warn"
    AIR = "air"
    CALM = "calm"
