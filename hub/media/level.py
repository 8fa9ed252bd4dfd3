"""Loudness: how loud a bulletin is (EBU R128), what the horns are spared, and how far it is turned up."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

TARGET_LUFS = -18.0
TOLERANCE_LU = 0.6
PEAK_DBTP = -1.5
SILENT_LUFS = -60.0
"""What measures below this was recorded without a microphone."""

TO_MONO = "aresample=48000,aformat=sample_fmts=flt:channel_layouts=mono"
WITHOUT_BASS = "highpass=f=120:poles=2"
"""Compression drivers move far and give nothing below this; it only wears them."""

QUIET_BELOW_DB = 30.0
FLOOR_DB = -60.0
LEAD_IN_S = 0.005
LEAD_OUT_S = 0.1
MARGIN_DB = 0.2
LIMITED_DB_A_LU = 1.8
"""Gain that speech takes for one LU more once the limiter holds its peaks."""


@dataclass(frozen=True, kw_only=True)
class Loudness:
    """A measurement: integrated loudness in LUFS, highest true peak in dBTP (-inf where none was asked for)."""

    lufs: float
    peak_dbtp: float = -math.inf


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How a sound is turned up: by so many dB, with a limiter that holds the peaks below a ceiling.

    Opus gives about 1 dB back to peaks that were limited, so the first ceiling lies that far below the limit.
    """

    gain_db: float
    ceiling_db: float = PEAK_DBTP - 1.0

    def filters(self) -> str:
        """The same as FFmpeg filters; the limiter works at 96 kHz, where it sees the peaks between samples."""
        limit = 10 ** (self.ceiling_db / 20)
        return (
            f"volume={self.gain_db:.3f}dB:precision=float,aresample=96000,"
            f"alimiter=limit={limit:.6f}:level=false:attack=5:release=50,aresample=48000"
        )

    def corrected(self, found: Loudness) -> Gain:
        """The next try after what this one gave: peaks first, then loudness."""
        over_db = max(0.0, found.peak_dbtp - PEAK_DBTP)
        ceiling = self.ceiling_db - (over_db + MARGIN_DB if over_db else 0.0)
        short_lu = TARGET_LUFS - found.lufs
        step_db = short_lu * (LIMITED_DB_A_LU if short_lu > 0 else 1.0)
        gain = self.gain_db + max(-6.0, min(6.0, step_db))
        return Gain(gain_db=gain, ceiling_db=ceiling)

    def lowered(self, found: Loudness) -> Gain:
        """The same, lower as a whole: for a sound whose peaks no limiter would hold."""
        over_db = found.peak_dbtp - PEAK_DBTP + MARGIN_DB
        return Gain(gain_db=self.gain_db - over_db, ceiling_db=self.ceiling_db - over_db)


def first_gain(filtered: Loudness) -> Gain:
    """The gain that brings a measured sound to the target."""
    return Gain(gain_db=TARGET_LUFS - filtered.lufs)


def fits(found: Loudness) -> bool:
    """Whether loudness and peak are as they should be."""
    return abs(found.lufs - TARGET_LUFS) <= TOLERANCE_LU and found.peak_dbtp <= PEAK_DBTP


def read_loudness(log: str, instance: str) -> Loudness:
    """Reads the summary that FFmpeg's `ebur128@<instance>` left in the log."""
    _, _, summary = log.partition(f"[ebur128@{instance} @ ")
    summary = summary.rpartition(f"[ebur128@{instance} @ ")[2] or summary
    lufs = re.search(r"\bI:\s+(\S+) LUFS", summary)
    peak = re.search(r"\bPeak:\s+(\S+) dBFS", summary)
    return Loudness(
        lufs=float(lufs[1]) if lufs else -math.inf,
        peak_dbtp=float(peak[1]) if peak else -math.inf,
    )


def sounding_span(
    levels_db: Sequence[float], window_s: float, loudness: Loudness
) -> tuple[float, float] | None:
    """From where to where it sounds, in seconds, with a breath before and after; None when nowhere.

    Args:
        levels_db: RMS level of each window, dBFS.
        window_s: Length of a window.
        loudness: Of the whole, which decides what counts as quiet in it.
    """
    threshold = max(FLOOR_DB, loudness.lufs - QUIET_BELOW_DB)
    loud = [number for number, level in enumerate(levels_db) if level > threshold]
    if not loud:
        return None
    start = max(0.0, loud[0] * window_s - LEAD_IN_S)
    end = min(len(levels_db) * window_s, (loud[-1] + 1) * window_s + LEAD_OUT_S)
    return start, end
