"""What comes out of a horn: blocks of sound in their place, gated by the amplifier's relay and its warm-up."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hardware.simulated.wire import RATE

Samples = NDArray[np.int16]
NS = 1_000_000_000
CONTIGUOUS = RATE * 40 // 1000
"""A block this near to the end of its voice's last one follows it without a gap, as a sound card plays it
(VLC leaves a drift below 40 ms to the card)."""


@dataclass
class _Voice:
    next_index: int | None = None
    blocks: list[tuple[int, Samples]] = field(default_factory=list)


class Horn:
    """A horn loudspeaker behind an amplifier that needs time to warm up.

    Args:
        first_ns: CLOCK_MONOTONIC instant of sample 0.
        warm_up_s: The amplifier is silent for so long after it was switched on.
    """

    def __init__(self, first_ns: int, warm_up_s: float) -> None:
        self._first_ns = first_ns
        self._warm_up = round(warm_up_s * RATE)
        self._voices: dict[int, _Voice] = {}
        self._written = 0
        self._edges: list[tuple[int, bool]] = [(0, False)]
        self._dead = False

    @property
    def written(self) -> int:
        """Samples emitted so far."""
        return self._written

    def index_of(self, mono_ns: int) -> int:
        """Sample that is emitted at an instant."""
        return round((mono_ns - self._first_ns) * RATE / NS)

    def feed(self, voice: int, mono_ns: int, samples: Samples, *, put_out_ns: int) -> None:
        """Takes a block that is to sound at `mono_ns`, or at once when it comes too late for that."""
        state = self._voices.setdefault(voice, _Voice())
        index = self.index_of(mono_ns)
        if state.next_index is not None and abs(index - state.next_index) <= CONTIGUOUS:
            index = state.next_index
        index = max(index, self.index_of(put_out_ns), self._written)
        state.blocks.append((index, samples))
        state.next_index = index + len(samples)

    def cut(self, voice: int, mono_ns: int) -> None:
        """Forgets what a voice has not sounded at an instant; its next block starts a new run."""
        state = self._voices.pop(voice, None)
        if state is None:
            return
        end = max(self.index_of(mono_ns), self._written)
        kept = [(at, block[: max(0, end - at)]) for at, block in state.blocks if at < end]
        self._voices[voice] = _Voice(blocks=kept)

    def cut_all(self, mono_ns: int) -> None:
        """The player is gone: a sound card loses what it had not played."""
        for voice in list(self._voices):
            self.cut(voice, mono_ns)

    def switch_amplifier(self, mono_ns: int, *, on: bool) -> None:
        """The relay of the amplifier changed at an instant."""
        if on != self._edges[-1][1]:
            self._edges.append((max(self.index_of(mono_ns), self._written), on))

    def set_dead(self, *, dead: bool) -> None:
        """Breaks or mends the amplifier."""
        self._dead = dead

    def advance(self, mono_ns: int) -> Samples:
        """Emits everything up to an instant."""
        end = self.index_of(mono_ns)
        if end <= self._written:
            return np.zeros(0, np.int16)
        mixed = self._mix(self._written, end)
        mixed[~self._open_mask(self._written, end)] = 0
        self._written = end
        self._edges = self._edges[-1:] if self._edges[-1][0] < end - self._warm_up else self._edges
        return mixed

    def _mix(self, start: int, end: int) -> Samples:
        mixed = np.zeros(end - start, np.int32)
        for voice in self._voices.values():
            for at, block in voice.blocks:
                low, high = max(at, start), min(at + len(block), end)
                if low < high:
                    mixed[low - start : high - start] += block[low - at : high - at]
            voice.blocks = [(at, block) for at, block in voice.blocks if at + len(block) > end]
        self._voices = {
            number: one for number, one in self._voices.items() if one.blocks or one.next_index
        }
        return np.clip(mixed, -32768, 32767).astype(np.int16)

    def _open_mask(self, start: int, end: int) -> NDArray[np.bool_]:
        mask = np.zeros(end - start, np.bool_)
        if self._dead:
            return mask
        for position, (at, on) in enumerate(self._edges):
            later = self._edges[position + 1][0] if position + 1 < len(self._edges) else end
            warm, off = max(at + self._warm_up, start), min(later, end)
            if on and warm < off:
                mask[warm - start : off - start] = True
        return mask
