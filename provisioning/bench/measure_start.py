"""Measures how soon a started rig is heard: `loaxa-bench up`, for the first time and again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from hardware.clock import SystemClock
from hardware.simulated.wire import RATE
from provisioning.bench.errors import BenchError
from provisioning.bench.evidence import NS
from provisioning.bench.figures import Figure, figure
from provisioning.bench.listening import QUIET_RMS
from provisioning.bench.measuring import Say
from provisioning.bench.processes import python_module, run_to_end
from provisioning.bench.sounds import read_wav

RUN_S = 20.0
"""How long the rig is left on once its programme is planned."""
HORN = "bl-01"


async def measure_start(folder: Path, say: Say, *, again: int) -> list[Figure]:
    """From the command to the first sound."""
    say("first start of the rig")
    first_s = await _heard_after_s(folder)
    later = []
    for number in range(again):
        say(f"start {number + 2}")
        later.append(await _heard_after_s(folder))
    return [
        figure("first `up` to first sound", "s", [first_s], limits={"max": 60}),
        figure("`up` again to first sound", "s", later, limits={"max": 20}),
    ]


async def _heard_after_s(folder: Path) -> float:
    clock = SystemClock()
    began_ns = clock.epoch_ns()
    command = python_module(
        "provisioning.bench.app", "up", "--dir", folder, "--port", "0", "--seconds", str(RUN_S)
    )
    await run_to_end("loaxa-bench up", command, timeout_s=180)
    return (first_sound_ns(folder / HORN) - began_ns) / NS


def first_sound_ns(folder: Path) -> int:
    """Host time of the first audible sample of a recording.

    Raises:
        BenchError: It is silent throughout.
    """
    samples = read_wav(folder / "horn.wav")
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > QUIET_RMS)
    if len(loud) == 0:
        raise BenchError(f"{folder / 'horn.wav'}: nothing is heard on it")
    began_ns = int(json.loads((folder / "horn.json").read_text())["first_sample_ns"])
    return began_ns + int(loud[0]) * NS // RATE
