"""Says in words what sounds at an instant, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from contract.ids import BulletinId
from contract.journal import ItemRow
from contract.model import ZONE
from edge.core.clock_trust import Doubt
from edge.core.programme import Placing, Programme, lay_out
from edge.core.state import Limits, Occurrence, Snapshot
from edge.core.words import (
    Language,
    agent_down_words,
    doubt_words,
    outcome_words,
    reason_words,
    say,
    trust_words,
)

NEAR = timedelta(minutes=30)
"""Planned starts this far from the instant are spoken of."""
AHEAD = timedelta(days=35)
"""The next start is looked for this far ahead."""


def explain(
    snapshot: Snapshot,
    at: datetime,
    rows: Sequence[ItemRow],
    limits: Limits,
    language: Language,
    *,
    doubt: Doubt = Doubt.NONE,
    agent_runs: bool = True,
) -> list[str]:
    """What sounds at `at` and why the rest does not; from the journal when `at` is past.

    Without an agent nothing sounds: that comes first, and the rest is what would sound if one ran.

    Args:
        snapshot: How the cluster is now.
        at: The instant asked about.
        rows: Journal rows around `at`.
        limits: Those of the board.
        language: Of the answer.
        doubt: Why the clock is not believed further.
        agent_runs: Whether there is an agent to play anything.
    """
    down = [] if agent_runs else [agent_down_words(language)]
    plan = snapshot.plan
    if plan is None:
        return [*down, say(language, "Cụm loa chưa có lịch phát.", "The cluster has no plan yet.")]
    lines = [_heading(at, plan.version, language)]
    if not snapshot.trust.is_trusted:
        silent = say(language, ": không phát gì theo giờ.", ": nothing timed plays.")
        lines.append(trust_words(snapshot.trust, language) + silent)
    if why := doubt_words(doubt, language):
        lines.append("  → " + why)
    if plan.maintenance:
        lines.append(
            say(
                language,
                "Đang bảo trì: không phát gì theo giờ.",
                "Maintenance: nothing timed plays.",
            )
        )
    titles = {bulletin.id: bulletin.title for bulletin in plan.bulletins}
    lines += [_past_line(row, titles, language) for row in rows if abs(row.planned_at - at) <= NEAR]
    programme = _programme_at(snapshot, at, limits)
    is_past = len(lines) > 1 and at < snapshot.now
    is_silenced = not (agent_runs and snapshot.trust.is_trusted) or plan.maintenance
    lines += [] if is_past else _sounding(programme, at, language, is_silenced=is_silenced)
    lines += _others(programme, snapshot, at, language)
    lines.append(_next(snapshot, at, limits, language, agent_runs=agent_runs))
    return down + lines


def _programme_at(snapshot: Snapshot, at: datetime, limits: Limits) -> Programme:
    """Ahead of now every sound of the plan is taken to have arrived by then."""
    reach = max(timedelta(0), at - snapshot.now) + timedelta(hours=1)
    return lay_out(snapshot, replace(limits, horizon_s=reach.total_seconds()))


def _sounding(
    programme: Programme, at: datetime, language: Language, *, is_silenced: bool
) -> Iterator[str]:
    on_air = say(language, "Phát: ", "On air: ")
    would_be = say(language, "Lẽ ra phát: ", "Would be on air: ")
    found = [one for one in programme.placings if one.begins_at <= at < one.ends_at]
    if not found:
        yield say(language, "Không có gì phát vào lúc này.", "Nothing sounds at this instant.")
    for one in found:
        yield (
            (would_be if is_silenced else on_air)
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


def _next(
    snapshot: Snapshot, at: datetime, limits: Limits, language: Language, *, agent_runs: bool
) -> str:
    """The first start after the instant asked about, or after now when that is past."""
    since = max(at, snapshot.now)
    reach = since - snapshot.now + AHEAD
    ahead = lay_out(snapshot, replace(limits, horizon_s=reach.total_seconds()))
    found = min(
        (one for one in ahead.placings if one.begins_at > since),
        key=lambda one: one.begins_at,
        default=None,
    )
    if found is None:
        return say(
            language,
            f"Tiếp theo: không có gì trong {AHEAD.days} ngày tới.",
            f"Next: nothing within {AHEAD.days} days.",
        )
    missing = say(language, " (tệp chưa tải về)", " (its sound is not here yet)")
    is_held = found.occurrence.bulletin.sha256 in snapshot.held
    moment = f"{_clock(found.begins_at)} {_day(found.begins_at)}"
    words = f"{moment} «{found.occurrence.bulletin.title}»"
    coming = (
        say(language, "Tiếp theo: ", "Next: ")
        if agent_runs
        else say(language, "Tiếp theo, nếu chương trình chạy: ", "Next, if the agent ran: ")
    )
    return coming + words + ("" if is_held else missing)


def _past_line(row: ItemRow, titles: Mapping[BulletinId, str], language: Language) -> str:
    words = f"{outcome_words(row.outcome, language)}, {reason_words(row.reason, language)}"
    if row.clock_step_s:
        vi, en = f"đồng hồ được chỉnh {row.clock_step_s:+.0f} s", "the clock was set by"
        words += "; " + say(language, vi, f"{en} {row.clock_step_s:+.0f} s")
    span = (
        f" {_clock(row.started_at)}–{_clock(row.ended_at)}"
        if row.started_at and row.ended_at
        else ""
    )
    return (
        say(language, "Nhật ký: ", "Journal: ")
        + f"{_clock(row.planned_at)} «{titles.get(row.bulletin, row.bulletin)}»{span}: {words}"
    )


def _heading(at: datetime, version: int, language: Language) -> str:
    day = _day(at)
    return say(
        language,
        f"Lúc {_clock(at)} ngày {day}, lịch số {version}:",
        f"At {_clock(at)} on {day}, plan {version}:",
    )


def _span(one: Placing) -> str:
    return f"{_title(one.occurrence)} {_clock(one.begins_at)}–{_clock(one.ends_at)}"


def _title(one: Occurrence) -> str:
    return f"{_clock(one.planned_at)} «{one.bulletin.title}»"


def _day(at: datetime) -> str:
    return at.astimezone(ZoneInfo(ZONE)).strftime("%d/%m/%Y")


def _clock(at: datetime) -> str:
    return at.astimezone(ZoneInfo(ZONE)).strftime("%H:%M:%S")
