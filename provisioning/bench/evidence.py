"""What a run left behind, as the judge reads it: recordings, journal, and what the hub showed when."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hardware.simulated.wire import RATE
from provisioning.bench.errors import BenchError
from provisioning.bench.listening import Occurrence, Recording, Samples, find, trimmed
from provisioning.bench.sounds import read_wav

NS = 1_000_000_000


class Source:
    """An ingested sound, its silent ends trimmed.

    Args:
        hub_id: The hub's id of the bulletin.
        samples: The whole ingested file.
    """

    def __init__(self, hub_id: str, samples: Samples) -> None:
        self.hub_id = hub_id
        start, end = trimmed(samples)
        self.lead_s = start / RATE
        self.samples = samples[start:end]

    @property
    def duration_s(self) -> float:
        """Length of what is audible."""
        return len(self.samples) / RATE


class Horn:
    """One cluster's recording on the scenario's time line.

    Args:
        samples: All that the horn emitted.
        first_s: `at_s` of the first sample.
    """

    def __init__(self, samples: Samples, first_s: float) -> None:
        self.samples = samples
        self.first_s = first_s
        self._found: dict[str, list[Occurrence]] = {}

    @cached_property
    def recording(self) -> Recording:
        """Prepared for searching."""
        return Recording(self.samples)

    @property
    def end_s(self) -> float:
        """`at_s` of the end of the recording."""
        return self.first_s + len(self.samples) / RATE

    def between(self, from_s: float, to_s: float) -> Samples:
        """What it emitted in a window."""
        start, end = (max(0, round((at - self.first_s) * RATE)) for at in (from_s, to_s))
        return self.samples[start:end]

    def playings(self, name: str, source: Source) -> list[Occurrence]:
        """Every playing of a bulletin, on the recording's own time line."""
        if name not in self._found:
            self._found[name] = find(source.samples, self.recording)
        return self._found[name]


@dataclass(frozen=True, kw_only=True)
class FleetChange:
    """The hub shows something new about a cluster."""

    at_s: float
    cluster: str
    what: str


@dataclass(kw_only=True)
class Evidence:
    """All that a run left behind.

    Attributes:
        sources: Bulletin's name in the scenario to its ingested sound.
        slots: Slot's name in the scenario to the hub's id.
        journal: Rows as the hub stored them, with their cluster.
        changes: What the hub showed, in order.
    """

    horns: dict[str, Horn]
    sources: dict[str, Source]
    slots: dict[str, str] = field(default_factory=dict)
    journal: list[dict[str, Any]] = field(default_factory=list)
    changes: list[FleetChange] = field(default_factory=list)


def read_horn(folder: Path, t0_ns: int) -> Horn:
    """The recording in a cluster's folder.

    Raises:
        BenchError: It is not there or cannot be read.
    """
    try:
        began_ns = int(json.loads((folder / "horn.json").read_text())["first_sample_ns"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{folder / 'horn.json'}: cannot be read: {error}") from error
    samples = read_wav(folder / "horn.wav")
    return Horn(np.asarray(samples), (began_ns - t0_ns) / NS)
