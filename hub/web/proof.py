"""The journal and the slots in words: what was planned, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from contract.ids import BulletinId, SlotId
from contract.journal import EventKind, EventRow, ItemRow, Outcome, Reason
from contract.model import Once
from contract.ports import ClockTrust
from hub.core.model import JournalGap, JournalRecord, SlotView
from hub.web.details import TRUST
from hub.web.faults import fault_words
from hub.web.moments import instant_with_day, instant_words, when_words
from hub.web.texts import Say, mark
from hub.web.tones import Tone

REASONS = {
    Reason.PLANNED: mark("as planned"),
    Reason.JOINED_LATE: mark("started late, joined in progress"),
    Reason.WAITED: mark("waited for the item before it"),
    Reason.NO_FILE: mark("the sound file was missing"),
    Reason.LATE_LIMIT: mark("past its late limit"),
    Reason.WAITED_TOO_LONG: mark("had to wait too long"),
    Reason.CLOCK_UNTRUSTED: mark("clock not right"),
    Reason.AGENT_DOWN: mark("the cluster was not running"),
    Reason.PLAN_LATE: mark("the schedule came too late"),
    Reason.STOPPED: mark("stopped by the operator"),
    Reason.CANCELLED: mark("the slot was cancelled or changed"),
    Reason.QUIET_HOURS: mark("quiet hours"),
    Reason.PLAYER_FAILED: mark("the player failed"),
    Reason.SILENT: mark("it played, but nothing was to be heard"),
    Reason.AMPLIFIER_SILENT: mark("the amplifier did not come on"),
    Reason.MAINTENANCE: mark("maintenance"),
    Reason.EXPIRED: mark("no longer valid"),
    Reason.INTERRUPTED: mark("interrupted"),
    Reason.OTHER: mark("another reason"),
}
OUTCOMES = {
    Outcome.COMPLETED: (Tone.CALM, mark("played")),
    Outcome.PARTIAL: (Tone.WARN, mark("played in part")),
    Outcome.NOT_AIRED: (Tone.BAD, mark("not played")),
}
EVENTS = {
    EventKind.BOOT: (Tone.CALM, mark("cluster started")),
    EventKind.PLAN_ACCEPTED: (Tone.CALM, mark("new schedule received")),
    EventKind.PLAN_REFUSED: (Tone.BAD, mark("schedule refused")),
    EventKind.SOUND_REFUSED: (Tone.BAD, mark("sound file refused")),
    EventKind.SURGE: (Tone.WARN, mark("lightning surge")),
    EventKind.ARRESTER_FAILED: (Tone.BAD, mark("surge arrester failed")),
    EventKind.ARRESTER_OK: (Tone.CALM, mark("surge arrester good again")),
    EventKind.RELAY_GUARD: (Tone.BAD, mark("amplifier switched off by its guard")),
    EventKind.CLOCK_STEPPED: (Tone.WARN, mark("clock corrected")),
    EventKind.PLAYER_RESTARTED: (Tone.WARN, mark("player restarted")),
    EventKind.FALLBACK_PLAYED: (
        Tone.WARN,
        mark("station chime played in place of a silent broadcast"),
    ),
    EventKind.FAULT: (Tone.BAD, mark("fault")),
    EventKind.FAULT_OVER: (Tone.CALM, mark("fault is over")),
    EventKind.CLOCK_TRUST: (Tone.WARN, mark("trust in the clock changed")),
    EventKind.LEDGER_REPLACED: (Tone.BAD, mark("broken log on the card replaced")),
    EventKind.MODEM_CYCLED: (Tone.WARN, mark("modem switched off and on again")),
    EventKind.NIGHT_RESTART: (Tone.CALM, mark("cluster restarted at night")),
    EventKind.KEY_TURNED: (Tone.BAD, mark("the key in the cabinet was turned")),
    EventKind.COMMAND_REFUSED: (Tone.BAD, mark("order refused")),
    EventKind.OTHER: (Tone.CALM, mark("another event")),
}
QUIET_EVENTS = frozenset({EventKind.PLAN_ACCEPTED})
"""Events that every change of the schedule makes on every cluster: kept, but not shown on the page."""


class Fate(Struct, frozen=True, kw_only=True):
    """What became of a broadcast on one cluster."""

    cluster: str
    tone: Tone
    outcome: str
    reason: str


class Entry(Struct, frozen=True, kw_only=True):
    """One entry of the play log: a broadcast on all its clusters, or an event on one.

    Attributes:
        key: Stays the same as more clusters report.
        fates: Clusters on which not all went as planned (for an event: the one).
        well: Clusters on which it did.
    """

    key: str
    at: datetime
    when: str
    title: str
    fates: tuple[Fate, ...]
    well: tuple[str, ...] = ()


class SlotLine(Struct, frozen=True, kw_only=True):
    """One slot of the list."""

    view: SlotView
    when: str
    when_json: str
    clusters: str
    state: str
    tone: Tone
    detail: str
    may_stop: bool
    may_change: bool


def entries(
    records: Iterable[JournalRecord],
    bulletins: Mapping[BulletinId, str],
    clusters: Mapping[str, str],
    say: Say,
) -> list[Entry]:
    """The play log, newest first: each broadcast once, with what became of it everywhere."""
    broadcasts: dict[tuple[SlotId, datetime], list[tuple[str, ItemRow]]] = {}
    found = []
    for record in records:
        cluster = clusters.get(record.cluster, record.cluster)
        match record.row:
            case ItemRow() as row:
                broadcasts.setdefault((row.slot, row.planned_at), []).append((cluster, row))
            case EventRow() as event if event.event not in QUIET_EVENTS:
                found.append(_event(record, event, cluster, say))
    found += [_broadcast(rows, bulletins, say) for rows in broadcasts.values()]
    return sorted(found, key=lambda entry: entry.at, reverse=True)


def _broadcast(
    rows: list[tuple[str, ItemRow]], titles: Mapping[BulletinId, str], say: Say
) -> Entry:
    _, first = rows[0]
    return Entry(
        key=f"{first.slot}-{first.planned_at:%Y%m%d%H%M%S}",
        at=first.planned_at,
        when=instant_words(first.planned_at),
        title=titles.get(first.bulletin, first.bulletin),
        fates=tuple(_fate(cluster, row, say) for cluster, row in rows if not _went_well(row)),
        well=tuple(sorted(cluster for cluster, row in rows if _went_well(row))),
    )


def _went_well(row: ItemRow) -> bool:
    return row.outcome is Outcome.COMPLETED and row.reason is Reason.PLANNED


def _fate(cluster: str, row: ItemRow, say: Say) -> Fate:
    tone, outcome = OUTCOMES[row.outcome]
    return Fate(cluster=cluster, tone=tone, outcome=say(outcome), reason=say(REASONS[row.reason]))


def _event(record: JournalRecord, event: EventRow, cluster: str, say: Say) -> Entry:
    tone, words = EVENTS[event.event]
    fate = Fate(cluster=cluster, tone=tone, outcome=say(words), reason=_event_detail(event, say))
    return Entry(
        key=f"e-{record.id}", at=event.at, when=instant_words(event.at), title="", fates=(fate,)
    )


def gap_entries(
    gaps: Iterable[JournalGap], clusters: Mapping[str, str], say: Say
) -> Iterator[Entry]:
    """Rows that never came and never will: what became of those broadcasts, nobody can tell."""
    for gap in gaps:
        fate = Fate(
            cluster=clusters.get(gap.cluster, gap.cluster),
            tone=Tone.WARN,
            outcome=say("log entries are lost"),
            reason=f"{gap.last - gap.first + 1}",
        )
        key = f"g-{gap.cluster}-{gap.epoch}-{gap.first}"
        when = instant_words(gap.noted_at)
        yield Entry(key=key, at=gap.noted_at, when=when, title="", fates=(fate,))


def _event_detail(event: EventRow, say: Say) -> str:
    code, _, rest = event.detail.partition(" ")
    match event.event:
        case EventKind.FAULT | EventKind.FAULT_OVER if code:
            words = fault_words(code.rstrip(":"), say).words
            return f"{words} ({rest})" if rest else words
        case EventKind.CLOCK_TRUST if code in set(ClockTrust):
            return f"{say(TRUST[ClockTrust(code)])} {rest}".rstrip()
        case _:
            return event.detail


def latest_outcomes(records: Iterable[JournalRecord]) -> dict[SlotId, list[Outcome]]:
    """What became of each slot's latest start, as far as clusters have told."""
    latest: dict[SlotId, datetime] = {}
    found: dict[SlotId, list[Outcome]] = {}
    for record in records:
        row = record.row
        if not isinstance(row, ItemRow) or row.planned_at < latest.get(row.slot, row.planned_at):
            continue
        if row.planned_at > latest.get(row.slot, row.planned_at):
            found[row.slot] = []
        latest[row.slot] = row.planned_at
        found.setdefault(row.slot, []).append(row.outcome)
    return found


def slot_line(
    view: SlotView,
    outcomes: Sequence[Outcome],
    clusters: Mapping[str, str],
    now: datetime,
    say: Say,
) -> SlotLine:
    """A slot as the list shows it."""
    tone, state = _state(view, outcomes, now)
    ahead = view.next_at is not None and view.next_at > now
    open_still = view.cancelled_at is None and (ahead or bool(view.on_air))
    everyone = isinstance(view.clusters, str)
    names = [clusters.get(str(name), str(name)) for name in view.clusters]
    silent = _silent(view, outcomes, len(clusters) if everyone else len(names), now)
    if silent and tone is Tone.CALM:
        tone = Tone.WARN
    return SlotLine(
        view=view,
        when=when_words(view.when, say),
        when_json=msgspec.json.encode(view.when).decode(),
        clusters=say("all clusters") if everyone else ", ".join(names),
        state=say(state),
        tone=tone,
        detail=_detail(view, outcomes, silent, now, say),
        may_stop=view.cancelled_at is None and (bool(view.on_air) or _may_sound(view, now)),
        may_change=open_still,
    )


def _state(view: SlotView, outcomes: Sequence[Outcome], now: datetime) -> tuple[Tone, str]:
    if view.cancelled_at is not None:
        return Tone.CALM, mark("cancelled")
    if view.on_air:
        return Tone.AIR, mark("playing")
    if view.next_at is not None and view.next_at > now:
        return Tone.CALM, mark("waiting to play")
    if view.stops and not any(outcome is Outcome.COMPLETED for outcome in outcomes):
        return Tone.CALM, mark("stopped")
    if any(outcome is not Outcome.NOT_AIRED for outcome in outcomes):
        return Tone.CALM, mark("over")
    return (Tone.BAD, mark("not played")) if outcomes else (Tone.WARN, mark("due, no report yet"))


def _silent(view: SlotView, outcomes: Sequence[Outcome], wanted: int, now: datetime) -> int:
    """Clusters that have not told yet what became of the latest start, once others have."""
    if view.cancelled_at is not None or not outcomes or _may_sound(view, now):
        return 0
    return max(0, wanted - len(outcomes) - len(view.on_air))


def _detail(
    view: SlotView, outcomes: Sequence[Outcome], silent: int, now: datetime, say: Say
) -> str:
    parts = []
    if view.on_air:
        parts.append(f"{say('playing:')} {len(view.on_air)} {say('clusters')}")
    if not isinstance(view.when, Once) and view.next_at and view.next_at > now:
        parts.append(f"{say('next:')} {instant_with_day(view.next_at, say)}")
    parts += [
        f"{say(OUTCOMES[outcome][1])}: {outcomes.count(outcome)}"
        for outcome in Outcome
        if outcome in outcomes
    ]
    if silent:
        parts.append(f"{say('no report yet:')} {silent}")
    return " · ".join(parts)


def _may_sound(view: SlotView, now: datetime) -> bool:
    if view.next_at is None or view.stops:
        return False
    length = timedelta(milliseconds=view.duration_ms, seconds=view.late_limit_s)
    return view.next_at <= now < view.next_at + length
