"""What an uploaded file is and what is in it, before anything is made of it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hub.media import faults
from hub.media.container import is_cut_off
from hub.media.level import TO_MONO, WITHOUT_BASS, Loudness, read_loudness
from hub.media.tools import Run, ffmpeg, ffprobe, reading

WINDOW_S = 0.01
MISSING_S = 0.5
"""Sound that a header promises and the file lacks, beyond encoder delays."""
CUT_SHORT = re.compile(r"moov atom not found|partial file|File ended prematurely")
GUESSED = "Estimating duration from bitrate"
LEVEL = re.compile(r"^lavfi\.astats\.Overall\.RMS_level=(\S+)$", re.MULTILINE)
EXACT_FORMATS = frozenset({"flac", "wav", "aiff", "w64", "caf"})
"""Formats in which a single error is audible damage; the others conceal a few."""


class _Stream(msgspec.Struct, frozen=True):
    codec_type: str = ""
    duration: str = ""


class _Format(msgspec.Struct, frozen=True):
    format_name: str = ""
    duration: str = ""


class _Probe(msgspec.Struct):
    streams: list[_Stream] = []
    format: _Format = _Format()


@dataclass(frozen=True, kw_only=True)
class Header:
    """What the file says about itself.

    Attributes:
        format: FFmpeg's name of the container.
        declared_s: Length of the sound by the header, or None where it does not say.
    """

    format: str
    declared_s: float | None


@dataclass(frozen=True, kw_only=True)
class Content:
    """What decoding found.

    Attributes:
        before: Loudness as it came.
        filtered: Loudness of what the horns would get of it, without the deep tones.
        levels_db: RMS level of each window, dBFS.
    """

    before: Loudness
    filtered: Loudness
    levels_db: tuple[float, ...]

    @property
    def duration_s(self) -> float:
        """Decoded length."""
        return len(self.levels_db) * WINDOW_S


async def read_header(source: Path, *, limit_s: float) -> Header:
    """Asks ffprobe what the file is.

    Raises:
        IngestError: No sound in it, or its end is missing.
    """
    run = await ffprobe(
        "-of", "json", "-show_entries", "format=format_name,duration:stream=codec_type,duration",
        *reading(source), limit_s=limit_s,
    )  # fmt: skip
    if run.code != 0 and CUT_SHORT.search(run.log):
        raise faults.cut_off()
    try:
        probe = msgspec.json.decode(run.out, type=_Probe)
    except msgspec.MsgspecError as error:
        raise faults.not_sound() from error
    if run.code != 0 or all(stream.codec_type != "audio" for stream in probe.streams):
        raise faults.not_sound()
    if await asyncio.to_thread(is_cut_off, source):
        raise faults.cut_off()
    declared = None if GUESSED in run.log else _declared(probe)
    return Header(format=probe.format.format_name, declared_s=declared)


def _declared(probe: _Probe) -> float | None:
    sound = next(stream for stream in probe.streams if stream.codec_type == "audio")
    alone = all(stream.codec_type != "video" for stream in probe.streams)
    text = sound.duration or (probe.format.duration if alone else "")
    return float(text) if text else None


async def read_content(
    source: Path, header: Header, *, max_duration_s: float, limit_s: float
) -> Content:
    """Decodes the whole sound once and measures it.

    Raises:
        IngestError: It cannot be decoded to its end.
    """
    window = round(48_000 * WINDOW_S)
    graph = (
        f"[0:a:0]{TO_MONO},asplit=2[raw][low];[raw]ebur128@before=framelog=verbose[a];"
        f"[low]{WITHOUT_BASS},ebur128@filtered=framelog=verbose,asetnsamples=n={window}:p=0,"
        "astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=RMS_level,"
        "ametadata=mode=print:key=lavfi.astats.Overall.RMS_level:file=-[b]"
    )
    run = await ffmpeg(
        "-t", f"{max_duration_s + 1:g}", *reading(source),
        "-filter_complex", graph, "-map", "[a]", "-map", "[b]", "-f", "null", "/dev/null",
        limit_s=limit_s,
    )  # fmt: skip
    levels = tuple(float(text) for text in LEVEL.findall(run.out))
    if not levels:
        raise faults.not_sound()
    content = Content(
        before=read_loudness(run.log, "before"),
        filtered=read_loudness(run.log, "filtered"),
        levels_db=levels,
    )
    _check_whole(run, header, content.duration_s, max_duration_s)
    return content


def _check_whole(run: Run, header: Header, decoded_s: float, max_duration_s: float) -> None:
    if decoded_s > max_duration_s:
        raise faults.too_long(max_duration_s)
    if header.declared_s is not None and header.declared_s - decoded_s > MISSING_S:
        raise faults.cut_off(header.declared_s, decoded_s)
    if CUT_SHORT.search(run.log):
        raise faults.cut_off()
    allowed = 0 if header.format in EXACT_FORMATS else 2 + decoded_s / 30
    if run.errors > allowed:
        raise faults.damaged()
