from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from hardware.simulated.wire import RATE

Samples = NDArray[np.int16]

EXAMPLE = """\
name = "link drops, programme still plays"
clusters = 3
duration_s = 45

[[bulletin]]
id = "tin-chieu"
file = "tin-chieu.wav"
priority = "normal"

[[slot]]
id = "chieu"
bulletin = "tin-chieu"
clusters = "all"
at_s = 20

[[event]]
at_s = 12
cluster = "bl-02"
do = "link_down"

[[expect]]
cluster = "bl-02"
heard = "tin-chieu"
starts_at_s = 20
within_ms = 200
"""


@pytest.fixture
def scenario_file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a scenario beside a sound that it may name."""

    def write(text: str) -> Path:
        (tmp_path / "tin-chieu.wav").write_bytes(b"RIFF")
        path = tmp_path / "scenario.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def example() -> str:
    """The scenario that the design shows."""
    return EXAMPLE


def speech_like(seed: int, duration_s: float, level: float = 4000.0) -> Samples:
    """Noise with the tilt and the syllables of speech; each seed is another text."""
    rng = np.random.default_rng(seed)
    length = round(duration_s * RATE)
    noise = lfilter([1.0], [1.0, -0.95], rng.standard_normal(length))
    points = rng.uniform(0.15, 1.0, int(duration_s * 5) + 2)
    syllables = np.interp(np.arange(length) / RATE * 5, np.arange(len(points)), points)
    wave = noise / np.std(noise) * syllables * level
    return np.clip(wave, -32768, 32767).astype(np.int16)


def laid(duration_s: float, *parts: tuple[float, Samples]) -> Samples:
    """A recording, silent but for parts that each begin at an instant."""
    mixed = np.zeros(round(duration_s * RATE), np.int32)
    for at_s, part in parts:
        start = round(at_s * RATE)
        piece = part[: max(0, len(mixed) - start)]
        mixed[start : start + len(piece)] += piece
    return np.clip(mixed, -32768, 32767).astype(np.int16)


@pytest.fixture(scope="session")
def speech() -> Callable[..., Samples]:
    return speech_like


@pytest.fixture(scope="session")
def lay() -> Callable[..., Samples]:
    return laid
