"""Says in words what sounds at an instant, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from contract.journal import ItemRow
from contract.model import ZONE
from edge.core.clock_trust import Doubt
from edge.core.programme import Placing, Programme, lay_out
from edge.core.state import Limits, Occurrence, Snapshot
from edge.core.words import Language, doubt_words, outcome_words, reason_words, say, trust_words

NEAR = timedelta(minutes=30)
"""Planned starts this far from the instant are spoken of."""


def explain(
    snapshot: Snapshot,
    at: datetime,
    rows: Sequence[ItemRow],
    limits: Limits,
    language: Language,
    *,
    doubt: Doubt = Doubt.NONE,
) -> list[str]:
    """What sounds at `at` and why the rest does not; from the journal when `at` is past.

    Args:
        snapshot: How the cluster is now.
        at: The instant asked about.
        rows: Journal rows around `at`.
        limits: Those of the board.
        language: Of the answer.
        doubt: Why the clock is not believed further.
    """
    plan = snapshot.plan
    if plan is None:
        return [say(language, "Cụm loa chưa có lịch phát.", "The cluster has no plan yet.")]
    lines = [_heading(at, plan.version, language)]
    if not snapshot.trust.is_trusted:
        silent = say(language, ": không phát gì theo giờ.", ": nothing timed plays.")
        lines.append(trust_words(snapshot.trust, language) + silent)
    if why := doubt_words(doubt, language):
        lines.append("  → " + why)
    lines += [_past_line(row, language) for row in rows if abs(row.planned_at - at) <= NEAR]
    programme = _programme_at(snapshot, at, limits)
    is_past = len(lines) > 1 and at < snapshot.now
    lines += [] if is_past else _sounding(programme, at, language)
    lines += _others(programme, snapshot, at, language)
    return lines


def _programme_at(snapshot: Snapshot, at: datetime, limits: Limits) -> Programme:
    """Ahead of now every sound of the plan is taken to have arrived by then."""
    reach = max(timedelta(0), at - snapshot.now) + timedelta(hours=1)
    return lay_out(snapshot, replace(limits, horizon_s=reach.total_seconds()))


def _sounding(programme: Programme, at: datetime, language: Language) -> Iterator[str]:
    found = [one for one in programme.placings if one.begins_at <= at < one.ends_at]
    if not found:
        yield say(language, "Không có gì phát vào lúc này.", "Nothing sounds at this instant.")
    for one in found:
        yield (
            say(language, "Phát: ", "On air: ")
            + _span(one)
            + f" ({reason_words(one.reason, language)})"
        )


def _others(
    programme: Programme, snapshot: Snapshot, at: datetime, language: Language
) -> Iterator[str]:
    for one in programme.placings:
        near = abs(one.occurrence.planned_at - at) <= NEAR
        if near and not one.begins_at <= at < one.ends_at:
            yield (
                say(language, "Lúc khác: ", "Not now: ")
                + _span(one)
                + f" ({reason_words(one.reason, language)})"
            )
    for refusal in programme.refusals:
        if abs(refusal.occurrence.planned_at - at) <= NEAR:
            why = reason_words(refusal.reason, language)
            yield say(language, "Bỏ qua: ", "Skipped: ") + f"{_title(refusal.occurrence)} ({why})"
    needed = {one.occurrence.bulletin.sha256: one.occurrence for one in programme.placings}
    for missing in (
        *(one.occurrence for one in programme.missing),
        *(o for sha, o in needed.items() if sha not in snapshot.held),
    ):
        yield say(language, "Tệp chưa tải về: ", "Sound not here yet: ") + _title(missing)


def _past_line(row: ItemRow, language: Language) -> str:
    words = f"{outcome_words(row.outcome, language)}, {reason_words(row.reason, language)}"
    span = (
        f" {_clock(row.started_at)}–{_clock(row.ended_at)}"
        if row.started_at and row.ended_at
        else ""
    )
    return (
        say(language, "Nhật ký: ", "Journal: ")
        + f"{_clock(row.planned_at)} «{row.bulletin}»{span}: {words}"
    )


def _heading(at: datetime, version: int, language: Language) -> str:
    day = at.astimezone(ZoneInfo(ZONE)).strftime("%d/%m/%Y")
    return say(
        language,
        f"Lúc {_clock(at)} ngày {day}, lịch số {version}:",
        f"At {_clock(at)} on {day}, plan {version}:",
    )


def _span(one: Placing) -> str:
    return f"{_title(one.occurrence)} {_clock(one.begins_at)}–{_clock(one.ends_at)}"


def _title(one: Occurrence) -> str:
    return f"{_clock(one.planned_at)} «{one.bulletin.title}»"


def _clock(at: datetime) -> str:
    return at.astimezone(ZoneInfo(ZONE)).strftime("%H:%M:%S")
