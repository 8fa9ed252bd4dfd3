"""`loaxa-bench benchmark`: the figures that the project promises, measured on this machine."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil
from msgspec import Struct

from hardware.clock import SystemClock
from provisioning.bench.errors import BenchError
from provisioning.bench.figures import Figure, table
from provisioning.bench.measure_air import measure_air
from provisioning.bench.measure_cost import measure_idle, measure_load
from provisioning.bench.measure_ready import measure_ready
from provisioning.bench.measure_start import measure_start
from provisioning.bench.processes import check_tools
from provisioning.bench.report import versions
from provisioning.bench.sounds import writable_folder
from provisioning.bench.verbs import say


class Extent(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    starts: int = 6
    pairs: int = 5
    again: int = 3
    idle_s: float = 300.0
    window_s: float = 60.0
    boots: int = 20


QUICK = Extent(boots=3, starts=2, pairs=1, again=1, idle_s=20.0, window_s=10.0)


class Benchmark(Struct, frozen=True, kw_only=True):
    """All figures, and of what."""

    at: str
    cores: int
    versions: dict[str, str]
    figures: list[Figure]
    extent: Extent


async def benchmark(wanted: argparse.Namespace) -> int:
    """Measures and prints; a figure that is missed is said, and is no failure."""
    check_tools()
    extent = QUICK if wanted.quick else Extent()
    if wanted.out is not None:
        writable_folder(wanted.out.parent)
    found: list[Figure] = []
    work = Path(tempfile.mkdtemp(prefix="loaxa-benchmark-"))
    try:
        async for figures in _measure(work, extent):
            found += figures
            for line in table(figures):
                say(f"    {line}")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    whole = Benchmark(
        at=SystemClock().now().isoformat(),
        cores=psutil.cpu_count() or 0,
        versions=versions(),
        figures=found,
        extent=extent,
    )
    _leave(whole, wanted.out)
    return 0


async def _measure(work: Path, extent: Extent) -> AsyncIterator[list[Figure]]:
    say(f"1 of 5: what people hear (about {_air_s(extent) / 60:.0f} min)")
    yield await measure_air(work / "air", say, starts=extent.starts, pairs=extent.pairs)
    say(f"2 of 5: what one cluster costs (about {2 * extent.window_s / 60 + 1:.0f} min)")
    yield await measure_load(work / "load", say, window_s=extent.window_s)
    say("3 of 5: how soon the rig is heard (about 3 min)")
    yield await measure_start(work / "start", say, again=extent.again)
    say(f"4 of 5: what idling costs (about {extent.idle_s / 60 + 1:.0f} min)")
    yield await measure_idle(work / "idle", say, idle_s=extent.idle_s)
    say(f"5 of 5: how soon an agent is ready (about {extent.boots * 4 / 60:.0f} min)")
    yield await measure_ready(work / "ready", say, starts=extent.boots)


def _air_s(extent: Extent) -> float:
    return 60 + extent.starts * 9 + extent.pairs * 22


def _leave(whole: Benchmark, out: Path | None) -> None:
    encoded = msgspec.json.format(msgspec.json.encode(whole), indent=1)
    say("")
    for line in table(whole.figures):
        say(line)
    say("")
    if out is None:
        say(encoded.decode())
        return
    try:
        out.write_bytes(encoded + b"\n")
    except OSError as error:
        raise BenchError(f"{out}: cannot be written: {error.strerror}") from error
    say(f"as JSON: {out}")
