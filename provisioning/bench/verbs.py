"""`loaxa-bench run` and `sample`."""

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
