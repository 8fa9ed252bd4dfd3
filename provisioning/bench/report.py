"""What a run reports: `report.json`, and the journal of each cluster."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from provisioning.bench.errors import BenchError
from provisioning.bench.evidence import Evidence
from provisioning.bench.hub_api import IngestedBulletin, Json
from provisioning.bench.judge import MS, Verdict, judge, measure
from provisioning.bench.scenario import Scenario

NEAR_S = 5.0
"""A playing this near to a slot's planned start is of that slot."""


class ExpectationResult(Struct, frozen=True, kw_only=True):
    """An expectation as it was written, and what became of it on each cluster."""

    expect: Json
    ok: bool
    why: str
    clusters: tuple[Verdict, ...]


class Report(Struct, frozen=True, kw_only=True):
    """A whole run.

    Attributes:
        started_at_ns: Host time of `at_s` = 0, nanoseconds since the epoch.
        playings: Every playing of every bulletin on every cluster.
        slots: For each planned slot when each cluster began, and the skew between them.
        troubles: What could not be done.
    """

    name: str
    started_at_ns: int
    ok: bool
    expectations: tuple[ExpectationResult, ...]
    bulletins: dict[str, Json] = {}
    slots: tuple[Json, ...] = ()
    playings: tuple[Json, ...] = ()
    fleet: tuple[Json, ...] = ()
    troubles: tuple[str, ...] = ()
    versions: dict[str, str] = {}

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        evidence: Evidence,
        t0_ns: int,
        bulletins: dict[str, IngestedBulletin],
        troubles: list[str],
    ) -> Report:
        """Judges a run."""
        results = tuple(_results(scenario, evidence))
        playings = tuple(_playings(scenario, evidence))
        return cls(
            name=scenario.name,
            started_at_ns=t0_ns,
            ok=all(one.ok for one in results) and not troubles,
            expectations=results,
            bulletins={name: msgspec.to_builtins(made) for name, made in bulletins.items()},
            slots=tuple(_slots(scenario, playings)),
            playings=playings,
            fleet=tuple(
                {"at_s": round(one.at_s, 2), "cluster": one.cluster, "what": one.what}
                for one in evidence.changes
            ),
            troubles=tuple(troubles),
            versions=versions(),
        )


def _results(scenario: Scenario, evidence: Evidence) -> Iterable[ExpectationResult]:
    for expected in scenario.expectations:
        verdicts = judge(expected, scenario, evidence)
        failed = [one for one in verdicts if not one.ok]
        why = "; ".join(f"{one.cluster}: {one.why}" for one in failed or verdicts)
        yield ExpectationResult(
            expect=msgspec.to_builtins(expected), ok=not failed, why=why, clusters=tuple(verdicts)
        )


def _playings(scenario: Scenario, evidence: Evidence) -> Iterable[Json]:
    for cluster in scenario.cluster_names:
        horn = evidence.horns[cluster]
        for name, source in evidence.sources.items():
            for one in horn.playings(name, source):
                yield {"cluster": cluster, "bulletin": name, **measure(one, horn, source)}


def _slots(scenario: Scenario, playings: tuple[Json, ...]) -> Iterable[Json]:
    for slot in scenario.slots:
        starts = {
            one["cluster"]: one["starts_at_s"] - one["file_lead_ms"] / MS
            for one in playings
            if one["bulletin"] == slot.bulletin and abs(one["starts_at_s"] - slot.at_s) < NEAR_S
        }
        errors = {name: round((at - slot.at_s) * MS, 3) for name, at in starts.items()}
        yield {
            "bulletin": slot.bulletin,
            "at_s": slot.at_s,
            "error_ms": errors,
            "median_error_ms": round(statistics.median(errors.values()), 3) if errors else None,
            "skew_ms": round(max(errors.values()) - min(errors.values()), 3) if errors else None,
        }


def versions() -> dict[str, str]:
    """Of what was run."""
    found = {"python": platform.python_version(), "kernel": platform.release()}
    for package in ("loaxa", "python-vlc", "scipy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def write_report(path: Path, report: Report) -> None:
    """Writes `report.json`.

    Raises:
        BenchError: It cannot be written.
    """
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    except OSError as error:
        raise BenchError(f"{path}: cannot be written: {error.strerror}") from error


def write_journals(out: Path, scenario: Scenario, journal: list[dict[str, Any]]) -> None:
    """Writes each cluster's rows as the hub stored them, one a line, with their ledger's epoch."""
    for name in scenario.cluster_names:
        rows = [
            {"epoch": one["epoch"], "stored_at": one["stored_at"], **one["row"]}
            for one in journal
            if one["cluster"] == name
        ]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (out / name / "journal.jsonl").write_text(text, encoding="utf-8")
