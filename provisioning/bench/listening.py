"""Finds a known sound in a recording by correlation, whole or in parts, to a fraction of a millisecond.

The source is cut into blocks. Each block is searched in the whole recording at a low rate; blocks that lie on one time
line make an occurrence. Within it each block is placed again at the full rate, and short frames decide what was heard.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import resample_poly

from hardware.simulated.wire import RATE

Samples = NDArray[np.int16]
Wave = NDArray[np.float32]

COARSE_RATE = 4_000
BLOCK_S = 1.0
FRAME_S = 0.1
QUIET_RMS = 30.0
"""Of 32768: about -60 dBFS. Quieter blocks and frames of a source say nothing about where it sounds."""
COARSE_MATCH = 0.45
FINE_MATCH = 0.6
FRAME_MATCH = 0.5
TIME_LINE_S = 0.5
"""Blocks whose time lines are nearer than this belong to one playing, resumed or not."""
ALIAS_S = 0.004
"""Peaks of one block nearer than this are one peak."""
PEAKS_A_BLOCK = 40
"""A sound that is played more often in one recording is not found each time."""
FINE_REACH_S = 0.006
ALONE_S = 1.0
MIN_HEARD_S = 0.3
"""Less than this of a sound is chance."""


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A block of the source found in the recording, both in seconds from their first samples."""

    source_s: float
    heard_s: float
    match: float

    @property
    def origin_s(self) -> float:
        """Where the first sample of the source lies on this block's time line."""
        return self.heard_s - self.source_s


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A run of the source heard without a gap: [from_s, to_s) of the source, at `origin_s` + that in the recording."""

    from_s: float
    to_s: float
    origin_s: float


@dataclass(frozen=True, kw_only=True)
class Occurrence:
    """The source sounding once.

    Attributes:
        start_s: Where its first sample sounds, or would have sounded, in the recording.
        fraction: How much of what is audible in the source was heard.
        stretches: What was heard, in order.
    """

    start_s: float
    fraction: float
    stretches: tuple[Stretch, ...]
    blocks: tuple[Placed, ...] = field(repr=False)

    @property
    def heard_from_s(self) -> float:
        """First moment at which it sounds, in the recording."""
        first = self.stretches[0]
        return first.origin_s + first.from_s

    @property
    def heard_to_s(self) -> float:
        """Last moment at which it sounds, in the recording."""
        last = self.stretches[-1]
        return last.origin_s + last.to_s


class Recording:
    """A horn's recording, prepared once for many searches."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.coarse = _coarse(samples)
        block = round(BLOCK_S * COARSE_RATE)
        self._size = next_fast_len(len(self.coarse) + block, real=True)
        self._spectrum = rfft(self.coarse, self._size)
        self._energy = np.concatenate(([0.0], np.cumsum(np.square(self.coarse, dtype=np.float64))))

    def matches(self, block: Wave) -> Wave:
        """Normalised cross-correlation of a coarse block at every coarse position, -1 to 1."""
        positions = len(self.coarse) - len(block) + 1
        if positions <= 0:
            return np.zeros(0, np.float32)
        spectrum = np.conj(rfft(block, self._size))
        product = irfft(self._spectrum * spectrum, self._size)[:positions]
        energy = self._energy[len(block) :] - self._energy[: -len(block)]
        floor = len(block) * QUIET_RMS**2 * 0.05
        norm = np.sqrt(np.maximum(energy, floor) * np.square(block, dtype=np.float64).sum())
        matches: Wave = (product / np.maximum(norm, 1e-9)).astype(np.float32)
        return matches


def _coarse(samples: Samples) -> Wave:
    wave = samples.astype(np.float32)
    return resample_poly(wave, 1, RATE // COARSE_RATE).astype(np.float32)


def find(source: Samples, recording: Recording) -> list[Occurrence]:
    """Every playing of `source`, in order; an empty list when it was not heard."""
    placed = _place_coarsely(source, recording)
    found: list[Occurrence] = []
    while placed:
        group = _strongest_time_line(placed)
        occurrence = _examine(source, recording.samples, group)
        placed = _without(placed, group)
        if occurrence is not None and not _overlaps(occurrence, found):
            found.append(occurrence)
    return sorted(found, key=lambda one: one.start_s)


def _place_coarsely(source: Samples, recording: Recording) -> list[Placed]:
    coarse = _coarse(source)
    length = min(round(BLOCK_S * COARSE_RATE), len(coarse))
    starts = [*range(0, len(coarse) - length + 1, max(1, length))]
    if starts and len(coarse) - starts[-1] - length > length // 4:
        starts.append(len(coarse) - length)
    placed: list[Placed] = []
    for start in starts:
        block = coarse[start : start + length]
        if _rms(block) < QUIET_RMS:
            continue
        scores = recording.matches(block)
        for at in _peaks(scores):
            placed.append(  # noqa: PERF401 - the loop reads better
                Placed(
                    source_s=start / COARSE_RATE,
                    heard_s=at / COARSE_RATE,
                    match=float(scores[at]),
                )
            )
    return placed


def _peaks(scores: Wave) -> list[int]:
    """Best positions first, a few at most, none beside a better one."""
    reach = round(ALIAS_S * COARSE_RATE)
    scores = scores.copy()
    found: list[int] = []
    while len(found) < PEAKS_A_BLOCK and len(scores):
        at = int(scores.argmax())
        if scores[at] < COARSE_MATCH:
            break
        found.append(at)
        scores[max(0, at - reach) : at + reach + 1] = -1
    return found


def _strongest_time_line(placed: list[Placed]) -> list[Placed]:
    """The blocks near the time line that most speaks for; of each block its best place."""
    origins = np.array([one.origin_s for one in placed])
    weights = np.array([one.match**2 for one in placed])
    narrow = [weights[np.abs(origins - origin) < ALIAS_S].sum() for origin in origins]
    centre = origins[int(np.argmax(narrow))]
    best: dict[float, Placed] = {}
    for one in placed:
        if abs(one.origin_s - centre) < TIME_LINE_S and (
            one.source_s not in best or _nearer(one, best[one.source_s], centre)
        ):
            best[one.source_s] = one
    return [best[at] for at in sorted(best)]


def _nearer(one: Placed, other: Placed, centre: float) -> bool:
    """The better match; of equal ones (a phrase that repeats) the one nearer to the time line."""
    if abs(one.match - other.match) > 0.1:  # noqa: PLR2004 - clearly better
        return one.match > other.match
    return abs(one.origin_s - centre) < abs(other.origin_s - centre)


def _without(placed: list[Placed], group: list[Placed]) -> list[Placed]:
    low = min(one.origin_s for one in group) - ALIAS_S
    high = max(one.origin_s for one in group) + ALIAS_S
    return [one for one in placed if not low <= one.origin_s <= high]


def _overlaps(occurrence: Occurrence, found: list[Occurrence]) -> bool:
    """Whether what it claims was heard is already explained by a stronger one (repeated phrases)."""
    return any(
        mine.origin_s + mine.from_s < theirs.origin_s + theirs.to_s
        and theirs.origin_s + theirs.from_s < mine.origin_s + mine.to_s
        for other in found
        for mine in occurrence.stretches
        for theirs in other.stretches
    )


def _examine(source: Samples, heard: Samples, group: list[Placed]) -> Occurrence | None:
    """Places a group's blocks to the sample and finds out what of the source was heard."""
    fine = [placed for one in group if (placed := _place_finely(source, heard, one))]
    sure = [one for one in fine if one.match >= FINE_MATCH] or fine
    if not sure:
        return None
    stretches, fraction = _stretches(source, heard, sure)
    if not stretches or sum(one.to_s - one.from_s for one in stretches) < _enough_s(source):
        return None
    begin = [one.origin_s for one in sure if one.source_s >= stretches[0].from_s - BLOCK_S][:3]
    return Occurrence(
        start_s=float(np.median(begin or [sure[0].origin_s])),
        fraction=fraction,
        stretches=tuple(stretches),
        blocks=tuple(sure),
    )


def _enough_s(source: Samples) -> float:
    return min(MIN_HEARD_S, len(source) / RATE / 2)


def _place_finely(source: Samples, heard: Samples, coarse: Placed) -> Placed | None:
    """Moves a block to where it fits best within a few milliseconds, between samples too."""
    start = round(coarse.source_s * RATE)
    block = source[start : start + round(BLOCK_S * RATE)].astype(np.float64)
    reach = round(FINE_REACH_S * RATE)
    first = round(coarse.heard_s * RATE) - reach
    lead = max(0, -first)
    window = heard[max(0, first) : first + len(block) + 2 * reach].astype(np.float64)
    window = np.pad(window, (lead, max(0, len(block) + 2 * reach - lead - len(window))))
    size = next_fast_len(len(window) + len(block), real=True)
    product = irfft(rfft(window, size) * np.conj(rfft(block, size)), size)[: 2 * reach + 1]
    energy = np.concatenate(([0.0], np.cumsum(np.square(window))))
    local = energy[len(block) :] - energy[: -len(block)]
    norm = np.sqrt(np.maximum(local, 1.0) * max(1.0, np.square(block).sum()))
    scores = product / norm[: len(product)]
    at = int(scores.argmax())
    if scores[at] <= 0:
        return None
    exact = float(first + at + _between(scores, at))
    return Placed(source_s=start / RATE, heard_s=exact / RATE, match=float(scores[at]))


def _between(scores: NDArray[np.float64], at: int) -> float:
    """Where between samples the parabola through three scores peaks, -0.5 to 0.5."""
    if not 0 < at < len(scores) - 1:
        return 0.0
    before, peak, after = scores[at - 1 : at + 2]
    curve = before - 2 * peak + after
    return float(np.clip(0.5 * (before - after) / curve, -0.5, 0.5)) if curve < 0 else 0.0


def _stretches(
    source: Samples, heard: Samples, placed: list[Placed]
) -> tuple[list[Stretch], float]:
    """Runs of frames that were heard, each on the time line of its nearest block."""
    frame = round(FRAME_S * RATE)
    centres = np.array([one.source_s + BLOCK_S / 2 for one in placed])
    origins = np.array([one.origin_s for one in placed])
    audible = 0
    runs: list[Stretch] = []
    frames: list[int] = []
    was_heard = False
    for start in range(0, len(source) - frame // 2, frame):
        piece = source[start : start + frame].astype(np.float64)
        if _rms(piece) < QUIET_RMS:
            continue
        audible += 1
        origin, is_heard = _heard_frame(piece, start, heard, centres, origins)
        if is_heard:
            end_s = min(start + frame, len(source)) / RATE
            if was_heard and abs(runs[-1].origin_s - origin) < ALIAS_S:
                runs[-1] = Stretch(from_s=runs[-1].from_s, to_s=end_s, origin_s=runs[-1].origin_s)
                frames[-1] += 1
            else:
                runs.append(Stretch(from_s=start / RATE, to_s=end_s, origin_s=origin))
                frames.append(1)
        was_heard = is_heard
    sure = [not _is_chance(one, runs) for one in runs]
    found = sum(count for count, is_sure in zip(frames, sure, strict=True) if is_sure)
    kept = [one for one, is_sure in zip(runs, sure, strict=True) if is_sure]
    return kept, found / max(1, audible)


def _is_chance(one: Stretch, runs: list[Stretch]) -> bool:
    """A vowel of another sound can look like one of this: short, and far from all that is surely it."""
    if one.to_s - one.from_s >= MIN_HEARD_S:
        return False
    return all(
        max(one.from_s - other.to_s, other.from_s - one.to_s) > ALONE_S
        for other in runs
        if other.to_s - other.from_s >= MIN_HEARD_S
    )


def _heard_frame(
    piece: NDArray[np.float64],
    start: int,
    heard: Samples,
    centres: NDArray[np.float64],
    origins: NDArray[np.float64],
) -> tuple[float, bool]:
    """Tries the time lines of the two nearest blocks: at a seam a frame belongs to either."""
    nearest = np.argsort(np.abs(centres - start / RATE))[:2]
    tried = [
        (_similarity(piece, heard, round(origins[i] * RATE) + start), float(origins[i]))
        for i in nearest
    ]
    score, origin = max(tried)
    return origin, score >= FRAME_MATCH


def _similarity(piece: NDArray[np.float64], heard: Samples, at: int) -> float:
    """Best normalised correlation within two samples of a place."""
    best = 0.0
    for shift in range(-2, 3):
        begin = at + shift
        if begin < 0 or begin + len(piece) > len(heard):
            continue
        other = heard[begin : begin + len(piece)].astype(np.float64)
        energy = float(np.dot(other, other))
        if energy < len(piece):
            continue
        score = np.dot(piece, other) / np.sqrt(energy * np.dot(piece, piece))
        best = max(best, float(score))
    return best


def _rms(samples: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def loudest_db(samples: Samples, *, window_s: float = 0.05) -> float:
    """Highest RMS level of any window, dBFS; -inf for digital silence."""
    window = round(window_s * RATE)
    if len(samples) == 0:
        return float("-inf")
    padded = np.pad(samples, (0, -len(samples) % window)).astype(np.float64)
    power = np.square(padded.reshape(-1, window)).mean(axis=1).max() / 32768.0**2
    return float(10 * np.log10(power)) if power > 0 else float("-inf")


def trimmed(samples: Samples) -> tuple[int, int]:
    """First sample that is audible, and the one after the last: silent ends left out."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > QUIET_RMS)
    if len(loud) == 0:
        return 0, len(samples)
    return int(loud[0]), int(loud[-1]) + 1
