"""Real sounds, made by espeak-ng and FFmpeg."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

TEXT = "Kính mời bà con nghe bản tin chiều của đài truyền thanh xã Bình Lư."


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A sound as FFmpeg measures it, apart from our own code."""

    lufs: float
    peak_dbtp: float
    samples: int
    codec: str
    channels: str


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    subprocess.run(["espeak-ng", "-v", "vi", "-w", str(path), TEXT], check=True, timeout=60)
    return path


@pytest.fixture
def convert(tmp_path: Path) -> Callable[..., Path]:
    """Makes a file by FFmpeg: `convert("a.mp3", "-i", speech)`."""

    def run(name: str, *arguments: object) -> Path:
        path = tmp_path / name
        command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *(str(one) for one in arguments)]
        subprocess.run([*command, str(path)], check=True, timeout=120)
        return path

    return run


@pytest.fixture
def measured() -> Callable[[Path], Measured]:
    def run(path: Path) -> Measured:
        graph = "ebur128=peak=true:framelog=verbose,astats=measure_perchannel=none"
        command = ["ffmpeg", "-nostdin", "-hide_banner", "-i", str(path), "-af", graph]
        log = subprocess.run(
            [*command, "-f", "null", "-"], check=True, capture_output=True, text=True, timeout=120
        ).stderr
        stream = _found(r"Audio: (\w+), 48000 Hz, (\w+)", log)
        return Measured(
            lufs=float(_found(r"I:\s+(\S+) LUFS", log)[1]),
            peak_dbtp=float(_found(r"Peak:\s+(\S+) dBFS", log)[1]),
            samples=int(_found(r"Number of samples: (\d+)", log)[1]),
            codec=stream[1],
            channels=stream[2],
        )

    return run


def _found(pattern: str, text: str) -> re.Match[str]:
    match = re.search(pattern, text)
    assert match is not None, text
    return match
