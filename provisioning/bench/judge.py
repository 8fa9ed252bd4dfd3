"""Decides what held: each expectation for each of its clusters, with what was measured."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from provisioning.bench.evidence import Evidence, Horn, Source
from provisioning.bench.listening import Occurrence, loudest_db
from provisioning.bench.scenario import (
    AlarmExpectation,
    Expectation,
    HeardExpectation,
    JournalExpectation,
    JournalMatch,
    NotHeardExpectation,
    Scenario,
    SilentExpectation,
)

SILENCE_DB = -60.0
MS = 1000.0
EDGE_S = 0.15
"""Frames by which a stretch's end is known are this coarse."""
Figures = dict[str, Any]


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of an expectation on one cluster."""

    cluster: str
    ok: bool
    why: str
    figures: Figures = {}


def judge(expected: Expectation, scenario: Scenario, evidence: Evidence) -> list[Verdict]:
    """One verdict for each cluster that the expectation names."""
    return [_judge(expected, name, evidence) for name in scenario.named(expected.cluster)]


def _judge(expected: Expectation, cluster: str, evidence: Evidence) -> Verdict:
    match expected:
        case HeardExpectation():
            return _heard(expected, cluster, evidence)
        case NotHeardExpectation():
            return _not_heard(expected, cluster, evidence)
        case SilentExpectation():
            return _silent(expected, cluster, evidence)
        case JournalExpectation():
            return _journal(expected, cluster, evidence)
        case AlarmExpectation():
            return _alarm(expected, cluster, evidence)


def measure(occurrence: Occurrence, horn: Horn, source: Source) -> Figures:
    """An occurrence in the scenario's time, as the report shows it."""
    stretches = [
        {
            "from_s": round(one.from_s, 2),
            "to_s": round(one.to_s, 2),
            "off_ms": round((one.origin_s - occurrence.start_s) * MS, 2),
        }
        for one in occurrence.stretches
    ]
    return {
        "starts_at_s": round(horn.first_s + occurrence.start_s, 6),
        "heard_from_s": round(horn.first_s + occurrence.heard_from_s, 3),
        "heard_to_s": round(horn.first_s + occurrence.heard_to_s, 3),
        "fraction": round(occurrence.fraction, 4),
        "file_lead_ms": round(source.lead_s * MS, 3),
        "stretches": stretches,
    }


# Heard


def _heard(expected: HeardExpectation, cluster: str, evidence: Evidence) -> Verdict:
    horn, source = evidence.horns[cluster], evidence.sources[expected.heard]
    playings = horn.playings(expected.heard, source)
    if not playings:
        return Verdict(cluster=cluster, ok=False, why=f"{expected.heard} was not heard")
    wanted = expected.starts_at_s
    if wanted is None:
        best = max(playings, key=lambda one: one.fraction)
    else:
        best = min(playings, key=lambda one: abs(horn.first_s + one.start_s - wanted))
    figures = measure(best, horn, source)
    if wanted is not None:
        figures["error_ms"] = round((horn.first_s + best.start_s - wanted) * MS, 3)
    faults = [*_faults(expected, best, horn, figures)]
    told = f"starts at {figures['starts_at_s']:.3f} s"
    if "error_ms" in figures:
        told += f" ({figures['error_ms']:+.1f} ms)"
    told += f", {best.fraction:.0%} heard"
    return Verdict(cluster=cluster, ok=not faults, why="; ".join([told, *faults]), figures=figures)


def _faults(
    expected: HeardExpectation, best: Occurrence, horn: Horn, figures: Figures
) -> list[str]:
    faults = []
    if expected.starts_at_s is not None and abs(figures["error_ms"]) > expected.within_ms:
        faults.append(f"more than {expected.within_ms:g} ms off")
    if best.fraction < expected.fraction_min:
        faults.append(f"less than {expected.fraction_min:.0%} of it")
    if best.fraction > expected.fraction_max:
        faults.append(f"more than {expected.fraction_max:.0%} of it")
    if expected.in_step_ms is not None:
        faults += _out_of_step(expected, best, horn, figures, expected.in_step_ms)
    if expected.resumed_by_s is not None:
        faults += _not_resumed(best, horn, figures, expected.resumed_by_s)
    if expected.ends_by_s is not None and figures["heard_to_s"] > expected.ends_by_s + EDGE_S:
        faults.append(f"heard until {figures['heard_to_s']:.2f} s, not {expected.ends_by_s:g} s")
    return faults


def _out_of_step(
    expected: HeardExpectation, best: Occurrence, horn: Horn, figures: Figures, limit_ms: float
) -> list[str]:
    planned_s = (
        best.start_s if expected.starts_at_s is None else expected.starts_at_s - horn.first_s
    )
    worst = max((one.origin_s - planned_s for one in best.stretches), key=abs)
    figures["worst_step_ms"] = round(worst * MS, 3)
    return [f"out of step by {worst * MS:+.1f} ms"] if abs(worst) * MS > limit_ms else []


def _not_resumed(best: Occurrence, horn: Horn, figures: Figures, resumed_by_s: float) -> list[str]:
    """The longest gap is the one that is meant."""
    gaps = [
        (then.from_s - one.to_s, then)
        for one, then in zip(best.stretches, best.stretches[1:], strict=False)
    ]
    if not gaps:
        return ["it never paused"]
    length, after = max(gaps, key=lambda gap: gap[0])
    resumed = horn.first_s + after.origin_s + after.from_s
    figures["gap_s"], figures["resumed_at_s"] = round(length, 2), round(resumed, 3)
    if resumed > resumed_by_s + EDGE_S:
        return [f"sounds again at {resumed:.2f} s, not by {resumed_by_s:g} s"]
    return []


def _not_heard(expected: NotHeardExpectation, cluster: str, evidence: Evidence) -> Verdict:
    horn, source = evidence.horns[cluster], evidence.sources[expected.not_heard]
    to_s = horn.end_s if expected.to_s is None else expected.to_s
    for one in horn.playings(expected.not_heard, source):
        figures = measure(one, horn, source)
        if figures["heard_from_s"] < to_s and figures["heard_to_s"] > expected.from_s:
            told = f"heard from {figures['heard_from_s']:.2f} s, {one.fraction:.0%} of it"
            return Verdict(cluster=cluster, ok=False, why=told, figures=figures)
    return Verdict(cluster=cluster, ok=True, why="not heard")


def _silent(expected: SilentExpectation, cluster: str, evidence: Evidence) -> Verdict:
    horn = evidence.horns[cluster]
    from_s, to_s = expected.silent_from_s, expected.silent_to_s
    if to_s > horn.end_s or from_s < horn.first_s:
        told = f"recorded only from {horn.first_s:.1f} to {horn.end_s:.1f} s"
        return Verdict(cluster=cluster, ok=False, why=told)
    level_db = loudest_db(horn.between(from_s, to_s))
    shown = round(level_db, 1) if level_db > float("-inf") else None
    return Verdict(
        cluster=cluster,
        ok=level_db < SILENCE_DB,
        why="silent" if shown is None else f"loudest {shown} dBFS",
        figures={"loudest_dbfs": shown},
    )


# Journal and alarms


def _journal(expected: JournalExpectation, cluster: str, evidence: Evidence) -> Verdict:
    wanted = msgspec.to_builtins(expected.journal)
    rows = [one["row"] for one in evidence.journal if one["cluster"] == cluster]
    found = [row for row in rows if _matches(row, expected.journal, evidence)]
    ok = bool(found) if expected.times is None else len(found) == expected.times
    told = f"{len(found)} of {len(rows)} rows match {wanted}"
    if not ok and not found:
        told += f"; there are: {[_short(row) for row in rows][-6:]}"
    return Verdict(
        cluster=cluster, ok=ok, why=told, figures={"matching": len(found), "rows": found[:5]}
    )


def _matches(row: Figures, wanted: JournalMatch, evidence: Evidence) -> bool:
    facts: Figures = msgspec.to_builtins(wanted)
    detail = facts.pop("detail", None)
    if detail is not None and detail not in row.get("detail", ""):
        return False
    if "bulletin" in facts:
        facts["bulletin"] = evidence.sources[facts["bulletin"]].hub_id
    if "slot" in facts:
        facts["slot"] = evidence.slots.get(facts["slot"], "never pushed")
    return all(row.get(key) == value for key, value in facts.items())


def _short(row: Figures) -> str:
    if row.get("row") == "item":
        return f"{row['outcome']}/{row['reason']}"
    return f"{row.get('event')}"


def _alarm(expected: AlarmExpectation, cluster: str, evidence: Evidence) -> Verdict:
    for one in evidence.changes:
        if one.cluster == cluster and one.what == expected.alarm and one.at_s >= expected.from_s:
            return Verdict(
                cluster=cluster,
                ok=one.at_s <= expected.by_s,
                why=f"shown at {one.at_s:.1f} s",
                figures={"at_s": round(one.at_s, 2)},
            )
    return Verdict(cluster=cluster, ok=False, why=f"the hub never showed {expected.alarm}")
