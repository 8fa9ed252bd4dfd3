from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from contract.ids import BulletinId, ClusterId, Sha256, SlotId
from contract.journal import EventKind, EventRow, ItemRow, Outcome, Reason
from contract.model import Once, Stop, Weekly
from contract.ports import ClockTrust
from contract.status import OnAir, Reported
from hub.core.model import ClusterView, JournalRecord, SlotView
from hub.web.moments import length_words, when_words
from hub.web.proof import EVENTS, OUTCOMES, REASONS, entries, latest_outcomes, slot_line
from hub.web.standing import Tone, standing, summary

NOON = datetime(2026, 11, 24, 5, tzinfo=UTC)
TITLES = {BulletinId("b-1"): "Tin"}
ON_AIR = OnAir(slot=SlotId("s-1"), bulletin=BulletinId("b-1"), planned_at=NOON, started_at=NOON)


def _same(text: str) -> str:
    return text


def _view(*, online: bool = True, version: int = 1, **said: Any) -> ClusterView:
    basis = Reported(
        at=NOON,
        boot="b",
        software="0",
        board="cabinet-v1",
        desired_version=1,
        clock_trust=ClockTrust.RTC,
    )
    return ClusterView(
        name=ClusterId("bl-01"),
        title="Bản Thẳm",
        hamlet="",
        groups=("all",),
        board="cabinet-v1",
        online=online,
        last_seen_at=NOON,
        reported=msgspec.structs.replace(basis, **said),
        plan_version=version,
        plan_version_reported=1,
    )


def test_nothing_is_green_while_it_is_silent() -> None:
    assert standing(_view(), TITLES, _same).tone is Tone.CALM
    on = standing(_view(on_air=ON_AIR, relays={"amp": True}), TITLES, _same)
    assert on.tone is Tone.AIR
    assert on.headline.text == "on air: “Tin”"
    off = standing(_view(on_air=ON_AIR, relays={"amp": False}), TITLES, _same)
    assert off.tone is Tone.BAD
    lost = standing(_view(online=False, on_air=ON_AIR, relays={"amp": True}), TITLES, _same)
    assert lost.headline.text == "connection lost"


def test_what_is_wrong_is_said() -> None:
    def said(**change: Any) -> tuple[Tone, list[str]]:
        found = standing(_view(**change), TITLES, _same)
        return found.tone, [remark.text for remark in found.remarks]

    assert said(version=2) == (Tone.WARN, ["new schedule not received yet"])
    assert said(missing=(Sha256("0" * 64),)) == (Tone.WARN, ["missing sound files: 1"])
    assert said(arrester_ok=False) == (Tone.BAD, ["surge arrester failed"])
    assert said(arrester_ok=False, faults=("arrester_failed",))[1] == ["surge arrester failed"]
    assert said(clock_trust=ClockTrust.LAST_SAVED) == (Tone.BAD, ["clock not right"])
    assert said(faults=("player_failed", "x")) == (Tone.BAD, ["the player failed", "fault: x"])
    assert said(online=False)[1] == [
        "last contact: 24/11/2026 12:00",
        "holds the whole schedule and plays it by itself",
    ]


def test_summary_counts() -> None:
    views = (_view(), _view(online=False, on_air=ON_AIR), _view(on_air=ON_AIR))
    told = summary(tuple(standing(view, TITLES, _same) for view in views), _same)
    assert told.replace("\N{NO-BREAK SPACE}", " ") == (
        "3 clusters · 2 online · 1 playing · 1 to look at"
    )


def test_when() -> None:
    def said(*days: int) -> str:
        return when_words(Weekly(days=days, times=("05:30", "17:00")), _same)

    assert when_words(Once(at=NOON), _same) == "Tuesday, 24/11/2026 12:00"
    assert said(1, 2, 3, 4, 5, 6, 7) == "every day at 05:30, 17:00"
    assert said(5, 4, 3, 2, 1) == "Monday to Friday at 05:30, 17:00"
    assert said(1, 2, 4) == "Monday, Tuesday, Thursday at 05:30, 17:00"
    bounded = Weekly(days=(1,), times=("05:30",), from_date="2026-01-02", until_date="2026-02-03")
    assert when_words(bounded, _same) == "Monday at 05:30 from 02/01/2026 until 03/02/2026"
    assert length_words(187_400) == "3:07"
    assert length_words(3_787_000) == "1:03:07"


def _row(cluster: str, number: int, day: int, outcome: Outcome, reason: Reason) -> JournalRecord:
    row = ItemRow(
        number=number,
        slot=SlotId("s-1"),
        bulletin=BulletinId("b-1"),
        sha256=Sha256("0" * 64),
        planned_at=NOON.replace(day=day),
        outcome=outcome,
        reason=reason,
    )
    return JournalRecord(id=number, cluster=ClusterId(cluster), epoch="e", stored_at=NOON, row=row)


def test_play_log_tells_each_broadcast_once() -> None:
    surge = EventRow(number=9, event=EventKind.SURGE, at=NOON.replace(day=22), detail="2")
    accepted = EventRow(number=10, event=EventKind.PLAN_ACCEPTED, at=NOON)
    records = [
        _row("bl-01", 1, 23, Outcome.COMPLETED, Reason.PLANNED),
        _row("bl-02", 2, 23, Outcome.NOT_AIRED, Reason.NO_FILE),
        _row("bl-01", 3, 24, Outcome.COMPLETED, Reason.PLANNED),
        *(
            JournalRecord(
                id=row.number, cluster=ClusterId("bl-01"), epoch="e", stored_at=NOON, row=row
            )
            for row in (surge, accepted)
        ),
    ]
    today, yesterday, before = entries(records, TITLES, {"bl-01": "Bản Thẳm"}, _same)
    assert (today.well, today.fates) == (("Bản Thẳm",), ())
    assert yesterday.well == ("Bản Thẳm",)
    assert [(f.cluster, f.outcome, f.reason) for f in yesterday.fates] == [
        ("bl-02", "not played", "the sound file was missing")
    ]
    assert before.fates[0].outcome == "lightning surge"
    assert latest_outcomes(records) == {SlotId("s-1"): [Outcome.COMPLETED]}


def test_there_are_words_for_everything() -> None:
    assert {*REASONS} == {*Reason}
    assert {*OUTCOMES} == {*Outcome}
    assert {*EVENTS} == {*EventKind}


def _slot(**change: Any) -> SlotView:
    basis = SlotView(
        id=SlotId("s-1"),
        bulletin=BulletinId("b-1"),
        title="Tin",
        duration_ms=60_000,
        when=Once(at=NOON),
        clusters="all",
        late_limit_s=600,
        in_quiet_hours=False,
        volume_pct=None,
        cancelled_at=None,
        created_by="can-bo",
        approved_at=NOON,
        stops=(),
        next_at=NOON,
    )
    return msgspec.structs.replace(basis, **change)


def test_slots_tell_their_state() -> None:
    def state(hour: int, *outcomes: Outcome, **change: Any) -> tuple[str, bool, bool]:
        line = slot_line(_slot(**change), outcomes, {}, NOON.replace(hour=hour), _same)
        return line.state, line.may_stop, line.may_change

    stop = Stop(slot=SlotId("s-1"), planned_at=NOON)
    assert state(4) == ("waiting to play", False, True)
    assert state(5) == ("due, no report yet", True, False)
    assert state(5, on_air=(ClusterId("bl-01"),)) == ("playing", True, True)
    assert state(9, Outcome.COMPLETED) == ("over", False, False)
    assert state(9, Outcome.NOT_AIRED) == ("not played", False, False)
    assert state(9, stops=(stop,), next_at=None) == ("stopped", False, False)
    assert state(4, cancelled_at=NOON) == ("cancelled", False, False)


def test_a_slot_counts_the_clusters_that_have_not_told() -> None:
    both = {"bl-01": "Bản Thẳm", "bl-02": "Bản Hon"}
    late = NOON.replace(hour=9)
    line = slot_line(_slot(clusters="all"), [Outcome.COMPLETED], both, late, _same)
    assert (line.tone, line.detail) == (Tone.WARN, "played: 1 · no report yet: 1")
    whole = slot_line(_slot(clusters="all"), [Outcome.COMPLETED] * 2, both, late, _same)
    assert (whole.tone, whole.detail) == (Tone.CALM, "played: 2")
