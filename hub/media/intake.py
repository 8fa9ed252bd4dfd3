"""From an upload to a stored sound: checked, trimmed, made as loud as every other, named by its hash."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contract.ids import Sha256
from contract.policy import MAX_DURATION_S
from hub.media import faults
from hub.media.encode import Made, encode, measure
from hub.media.level import (
    PEAK_DBTP,
    SILENT_LUFS,
    TARGET_LUFS,
    Gain,
    first_gain,
    fits,
    sounding_span,
)
from hub.media.probe import WINDOW_S, Content, read_content, read_header

log = logging.getLogger(__name__)

RETRIES = 3


@dataclass(frozen=True, kw_only=True)
class IngestLimits:
    """What may be uploaded.

    Attributes:
        run_limit_s: Longest run of one program; a run over it is killed.
    """

    max_bytes: int = 500 * 2**20
    min_duration_s: float = 0.5
    max_duration_s: float = float(MAX_DURATION_S)
    run_limit_s: float = 1800.0


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """A stored sound.

    Attributes:
        duration_ms: Length by its decoded samples.
        loudness_lufs: Integrated loudness of the stored file.
        true_peak_dbtp: Its highest true peak.
        loudness_before_lufs: Integrated loudness of the upload.
        path: Where it is: the store's directory and its hash.
    """

    sha256: Sha256
    size_bytes: int
    duration_ms: int
    loudness_lufs: float
    true_peak_dbtp: float
    loudness_before_lufs: float
    path: Path


async def ingest(source: Path, store_dir: Path, *, limits: IngestLimits) -> Ingested:
    """Makes a stored sound of whatever was uploaded; on any failure nothing is left behind.

    Args:
        source: The upload, which is only read.
        store_dir: Where sounds are kept, each under its SHA-256.
        limits: What is taken.

    Raises:
        IngestError: Why not, in words for the person.
    """
    _check_size(source, limits)
    header = await read_header(source, limit_s=min(60.0, limits.run_limit_s))
    if header.declared_s is not None and header.declared_s > limits.max_duration_s:
        raise faults.too_long(limits.max_duration_s)
    content = await read_content(
        source, header, max_duration_s=limits.max_duration_s, limit_s=limits.run_limit_s
    )
    span = _span(content, limits)
    with _storing(), _staging(store_dir) as staging:
        staged = staging / "sound"
        made = await _make(source, staged, span, first_gain(content.filtered), limits)
        return await asyncio.to_thread(_keep, staged, store_dir, made, content)


def _check_size(source: Path, limits: IngestLimits) -> None:
    size = source.stat().st_size
    if size == 0:
        raise faults.empty()
    if size > limits.max_bytes:
        raise faults.too_large(limits.max_bytes)


def _span(content: Content, limits: IngestLimits) -> tuple[float, float]:
    if content.duration_s < limits.min_duration_s:
        raise faults.too_short(limits.min_duration_s)
    span = sounding_span(content.levels_db, WINDOW_S, content.filtered)
    if span is None or content.filtered.lufs < SILENT_LUFS:
        raise faults.silent()
    if span[1] - span[0] < limits.min_duration_s:
        raise faults.too_short(limits.min_duration_s)
    return span


async def _make(
    source: Path, staged: Path, span: tuple[float, float], gain: Gain, limits: IngestLimits
) -> Made:
    """Encodes, measures what came out, and corrects: Opus moves peaks, a limiter moves loudness."""
    made = await _try(source, staged, span, gain, limits)
    for _ in range(RETRIES):
        if fits(made.loudness):
            return made
        gain = gain.corrected(made.loudness)
        made = await _try(source, staged, span, gain, limits)
    if made.loudness.peak_dbtp > PEAK_DBTP:
        made = await _try(source, staged, span, gain.lowered(made.loudness), limits)
    log.info("loudness %.1f LUFS instead of %.1f", made.loudness.lufs, TARGET_LUFS)
    return made


async def _try(
    source: Path, staged: Path, span: tuple[float, float], gain: Gain, limits: IngestLimits
) -> Made:
    await encode(source, staged, span, gain, limit_s=limits.run_limit_s)
    return await measure(staged, limit_s=limits.run_limit_s)


@contextlib.contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise faults.not_stored(error.strerror or str(error)) from error


@contextlib.contextmanager
def _staging(store_dir: Path) -> Iterator[Path]:
    parent = store_dir / "staging"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as name:
        yield Path(name)


def keep_by_hash(staged: Path, store_dir: Path) -> tuple[Path, int]:
    """Names a file by its hash; what is under that name is whole, even after a power cut. Its path and size."""
    with staged.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    size_bytes = staged.stat().st_size
    path = store_dir / sha256
    staged.replace(path)
    directory = os.open(store_dir, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return path, size_bytes


def _keep(staged: Path, store_dir: Path, made: Made, content: Content) -> Ingested:
    path, size_bytes = keep_by_hash(staged, store_dir)
    return Ingested(
        sha256=Sha256(path.name),
        size_bytes=size_bytes,
        duration_ms=made.duration_ms,
        loudness_lufs=made.loudness.lufs,
        true_peak_dbtp=made.loudness.peak_dbtp,
        loudness_before_lufs=content.before.lufs,
        path=path,
    )
