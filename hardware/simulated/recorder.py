"""One continuous WAV file that can be read at any time while it grows."""

from __future__ import annotations

import struct
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class WavRecorder:
    """Writes 16 bit mono samples to a file whose header is kept true.

    Args:
        path: The file, made anew.
        rate: Samples a second.
    """

    def __init__(self, path: Path, rate: int) -> None:
        self._path = path
        self._rate = rate
        self._data_bytes = 0
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        self._file.write(self._header())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self.mend_header()
            self._file.close()

    def write(self, samples: bytes) -> None:
        """Appends samples."""
        if self._file is not None:
            self._file.write(samples)
            self._data_bytes += len(samples)

    def mend_header(self) -> None:
        """Writes the true length into the header, and all of it to the disk's care."""
        if self._file is None:
            return
        self._file.seek(0)
        self._file.write(self._header())
        self._file.seek(0, 2)
        self._file.flush()

    def _header(self) -> bytes:
        size = self._data_bytes
        return HEADER.pack(
            b"RIFF",
            36 + size,
            b"WAVE",
            b"fmt ",
            16,
            1,
            1,
            self._rate,
            self._rate * 2,
            2,
            16,
            b"data",
            size,
        )
