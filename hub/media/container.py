"""Whether a WAV or Ogg file holds as many bytes as it says: FFmpeg plays a cut one without a word."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

STREAMED_BYTES = 0x7F000000
"""From this size on a WAV header says "not known": the recorder could not go back to fill it in."""
MISSING_BYTES = 4096
"""A difference below this is a sloppy header, not lost sound."""
OGG_HEAD_BYTES = 27
OGG_TAIL_BYTES = 2 * 65307
"""The largest Ogg page is 65,307 bytes, so the last one begins within this."""


def is_cut_off(source: Path) -> bool:
    """Whether the file promises more bytes than it has (WAV and Ogg; for others always False)."""
    size = source.stat().st_size
    with source.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
            return _wav_is_short(file, size)
        if head[:4] == b"OggS":
            return _ogg_is_short(file, size)
    return False


def _wav_is_short(file: BinaryIO, size: int) -> bool:
    at = 12
    while at + 8 <= size:
        file.seek(at)
        chunk = file.read(8)
        length = int.from_bytes(chunk[4:], "little")
        if chunk[:4] == b"data":
            return length < STREAMED_BYTES and at + 8 + length > size + MISSING_BYTES
        at += 8 + length + length % 2
    return True


def _ogg_is_short(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - OGG_TAIL_BYTES))
    tail = file.read()
    last = tail.rfind(b"OggS")
    page = tail[last:]
    if last < 0 or len(page) < OGG_HEAD_BYTES:
        return True
    segments = page[OGG_HEAD_BYTES - 1]
    table = page[OGG_HEAD_BYTES : OGG_HEAD_BYTES + segments]
    return len(page) < OGG_HEAD_BYTES + segments + sum(table)
