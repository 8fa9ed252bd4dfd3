"""`loaxa-bench run`, `run-all` and `sample`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from provisioning.bench.errors import BenchError
from provisioning.bench.report import Report
from provisioning.bench.run import run_scenario
from provisioning.bench.sounds import speak


def say(line: str) -> None:
    """One line to the person who runs it, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def run(wanted: argparse.Namespace) -> int:
    """Runs a scenario: 0 when all that was expected held, else 1."""
    report = await run_scenario(wanted.scenario, wanted.out, say)
    tell(report)
    say(f"{'held' if report.ok else 'DID NOT HOLD'}: {report.name} ({wanted.out / 'report.json'})")
    return 0 if report.ok else 1


async def run_all(wanted: argparse.Namespace) -> int:
    """Runs every scenario of a folder: 0 when all held, else 1."""
    paths = sorted(wanted.folder.glob("*.toml"))
    if not paths:
        raise BenchError(f"{wanted.folder}: holds no scenario")
    failed = []
    for number, path in enumerate(paths, 1):
        say(f"--- {number} of {len(paths)}: {path.stem}")
        try:
            report = await run_scenario(path, wanted.out / path.stem, say)
        except BenchError as error:
            say(f"loaxa-bench: {error}")
            failed.append(path.stem)
            continue
        tell(report)
        if not report.ok:
            failed.append(path.stem)
    say(f"{len(paths) - len(failed)} of {len(paths)} scenarios held")
    if failed:
        say(f"DID NOT HOLD: {', '.join(failed)}")
    return 1 if failed else 0


async def sample(wanted: argparse.Namespace) -> int:
    """Makes a WAV beside every text of a folder."""
    texts: list[Path] = sorted(wanted.folder.glob("*.txt"))
    if not texts:
        raise BenchError(f"{wanted.folder}: holds no text")
    for text in texts:
        await speak(text, text.with_suffix(".wav"))
        say(str(text.with_suffix(".wav")))
    return 0


def tell(report: Report) -> None:
    """One line an expectation."""
    for number, one in enumerate(report.expectations, 1):
        say(f"{'ok    ' if one.ok else 'FAILED'} expect {number}: {one.why}")
    for trouble in report.troubles:
        say(f"FAILED {trouble}")
