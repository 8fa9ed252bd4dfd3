"""Makes the one kind of sound file that clusters play, and measures what was made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hub.media import faults
from hub.media.level import TO_MONO, WITHOUT_BASS, Gain, Loudness, read_loudness
from hub.media.tools import ffmpeg, reading

CONTAINER = "matroska"
"""FFmpeg's name of the container of the stored file: VLC holds a prepared sound only in this one."""
SAMPLE_RATE_HZ = 48_000
BIT_RATE = "32k"
COMPLEXITY = "7"
"""The least at which Opus still tells speech from music; 10 takes twice the time for nothing a horn would show."""
SAMPLES = re.compile(r"Number of samples: (\d+)")


@dataclass(frozen=True, kw_only=True)
class Made:
    """An encoded file as decoding it again shows it."""

    loudness: Loudness
    duration_ms: int


async def encode(
    source: Path, target: Path, span: tuple[float, float], gain: Gain, *, limit_s: float
) -> None:
    """Writes `span` (seconds) of the first sound of `source` as mono Opus; the same input gives the same bytes.

    Raises:
        IngestError: FFmpeg failed.
    """
    cut = f"atrim=start={span[0]:.3f}:end={span[1]:.3f},asetpts=PTS-STARTPTS"
    run = await ffmpeg(
        *reading(source),
        "-filter_complex", f"[0:a:0]{TO_MONO},{cut},{WITHOUT_BASS},{gain.filters()}[out]",
        "-map", "[out]", "-map_metadata", "-1", "-ac", "1", "-ar", str(SAMPLE_RATE_HZ),
        "-c:a", "libopus", "-b:a", BIT_RATE, "-compression_level", COMPLEXITY,
        "-application", "audio", "-frame_duration", "20",
        "-fflags", "+bitexact", "-flags:a", "+bitexact", "-f", CONTAINER, f"file:{target}",
        limit_s=limit_s,
    )  # fmt: skip
    if run.code != 0:
        raise faults.not_stored(_last_error(run.log))


async def measure(made: Path, *, limit_s: float) -> Made:
    """Decodes an encoded file and measures loudness, true peak and length."""
    run = await ffmpeg(
        *reading(made),
        "-af", "ebur128@made=framelog=verbose:peak=true,"
        "astats=measure_perchannel=none:measure_overall=Number_of_samples",
        "-f", "null", "/dev/null",
        limit_s=limit_s,
    )  # fmt: skip
    samples = SAMPLES.search(run.log)
    if run.code != 0 or samples is None:
        raise faults.not_stored(_last_error(run.log))
    return Made(
        loudness=read_loudness(run.log, "made"),
        duration_ms=round(int(samples[1]) * 1000 / SAMPLE_RATE_HZ),
    )


def _last_error(log: str) -> str:
    lines = [line for line in log.splitlines() if "[error]" in line or "[fatal]" in line]
    return lines[-1].rpartition("] ")[2][:200] if lines else "ffmpeg"
