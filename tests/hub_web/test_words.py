from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import hub.web.app
from contract.fault import FaultCode
from contract.ids import BulletinId, ClusterId, Sha256, SlotId
from contract.journal import EventKind, EventRow, ItemRow, Outcome, Reason
from contract.model import Once, Stop, Weekly
from contract.ports import ClockTrust
from contract.status import OnAir, Reported, Telemetry
from hub.core.alarms import CLOCK_OFF, alarms
from hub.core.model import ClusterView, JournalRecord, SlotView
from hub.web.details import TRUST
from hub.web.faults import FAULTS, fault_words
from hub.web.moments import length_words, span_words, when_words
from hub.web.proof import EVENTS, OUTCOMES, REASONS, entries, latest_outcomes, slot_line
from hub.web.standing import Standing, standing, summary
from hub.web.texts import Language, load_texts
from hub.web.tones import Tone

WEB = Path(hub.web.app.__file__).parent
NOON = datetime(2026, 11, 24, 5, tzinfo=UTC)
TITLES = {BulletinId("b-1"): "Tin"}
ON_AIR = OnAir(slot=SlotId("s-1"), bulletin=BulletinId("b-1"), planned_at=NOON, started_at=NOON)


def _same(text: str) -> str:
    return text


def _stands(view: ClusterView) -> Standing:
    return standing(view, TITLES, NOON, _same)


def _view(
    *,
    online: bool = True,
    version: int = 1,
    quiet: bool = False,
    clock_error_s: float | None = None,
    telemetry: Telemetry | None = None,
    **said: Any,
) -> ClusterView:
    basis = Reported(
        at=NOON,
        boot="b",
        software="0",
        board="cabinet-v1",
        desired_version=1,
        clock_trust=ClockTrust.RTC,
    )
    reported = msgspec.structs.replace(basis, **said)
    return ClusterView(
        name=ClusterId("bl-01"),
        title="Bản Thẳm",
        hamlet="",
        groups=("all",),
        board="cabinet-v1",
        online=online,
        last_seen_at=NOON,
        reported=reported,
        plan_version=version,
        plan_version_reported=1,
        quiet=quiet,
        alarms=alarms(reported, clock_is_off=abs(clock_error_s or 0) > 5),
        clock_error_s=clock_error_s,
        telemetry=telemetry,
    )


def test_nothing_is_green_while_it_is_silent() -> None:
    assert _stands(_view()).tone is Tone.CALM
    on = _stands(_view(on_air=ON_AIR, relays={"amp": True}))
    assert on.tone is Tone.AIR
    assert on.headline.text == "on air: “Tin”"
    urgent = _stands(_view(emergency="e-1", relays={"amp": True}))
    assert (urgent.tone, urgent.headline.text) == (Tone.AIR, "on air: EMERGENCY")
    off = _stands(_view(on_air=ON_AIR, relays={"amp": False}))
    assert off.tone is Tone.BAD
    lost = _stands(_view(online=False, on_air=ON_AIR, relays={"amp": True}))
    assert lost.headline.text == "connection lost"
    mute = _stands(_view(on_air=ON_AIR, relays={"amp": True}, faults=("silent",)))
    assert mute.headline.tone is Tone.BAD


def test_who_is_overdue_is_grey_and_not_counted_as_playing() -> None:
    overdue = _view(on_air=ON_AIR, relays={"amp": True}, quiet=True)
    later = NOON.replace(minute=1, second=20)
    stands = standing(overdue, TITLES, later, _same)
    assert (stands.tone, stands.headline.text) == (Tone.CALM, "not heard for 80 seconds")
    assert "0\N{NO-BREAK SPACE}playing" in summary((stands,), _same)


def test_a_card_tells_the_clock_and_its_error() -> None:
    assert _stands(_view(clock_error_s=-1.24)).details == (
        "Clock: by its own clock chip, off by 1.2 s",
    )
    off = _stands(_view(clock_error_s=7.4, clock_trust=ClockTrust.SYNCHRONISED))
    assert off.tone is Tone.BAD
    assert off.remarks[0].text == "its clock is fast by 7 seconds"
    assert off.details == ("Clock: set by the network",)
    slow = _stands(_view(clock_error_s=-7200.0)).remarks[0]
    assert slow.text == "its clock is slow by 2 hours"
    assert "technician" in slow.advice


def test_figures_are_told_when_they_are_out_of_the_ordinary() -> None:
    usual = Telemetry(at=NOON, uptime_s=1, cpu_pct=1, memory_free_mib=1, disk_free_mib=5000)
    assert len(_stands(_view(telemetry=usual)).details) == 1
    odd = msgspec.structs.replace(
        usual,
        disk_free_mib=120,
        card_life_used_pct=90,
        card_write_ms=2500.0,
        filesystem_errors=3,
        under_voltage=True,
        temperature_c=81.5,
        month_fetched_mib=321.4,
    )
    assert _stands(_view(telemetry=odd)).details[1:] == (
        "Free on the card: 120 MB",
        "Errors on the card: 3",
        "Life of the card used up: 90 %",
        "Writing to the card takes: 2.5 s",
        "Supply too weak since the cluster started",
        "Temperature: 82 °C",
        "4G for sounds this month: 321 MB",
    )


def test_maintenance_is_said() -> None:
    stands = _stands(_view(maintenance=True))
    assert (stands.tone, stands.remarks[0].text) == (Tone.WARN, "maintenance")
    assert stands.remarks[0].advice


def test_what_is_wrong_is_said() -> None:
    def said(**change: Any) -> tuple[Tone, list[str]]:
        found = _stands(_view(**change))
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
    told = summary(tuple(_stands(view) for view in views), _same)
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
    assert {*FAULTS} == {*FaultCode, CLOCK_OFF}
    assert {*TRUST} == {*ClockTrust}


@pytest.mark.parametrize("code", [*FaultCode, CLOCK_OFF, "of_a_newer_program"])
def test_every_alarm_says_in_vietnamese_what_to_do(code: str) -> None:
    spoken = load_texts(WEB.parent / "locale")[Language.VI]
    vietnamese, english = fault_words(code, spoken.say), fault_words(code, _same)
    assert vietnamese.words != english.words
    assert vietnamese.advice != english.advice
    assert len(vietnamese.advice) > 20


@pytest.mark.parametrize(
    ("event", "detail", "words"),
    [
        (EventKind.FAULT, "card_slow", "the memory card is very slow"),
        (EventKind.FAULT, "card_slow 2300 ms", "the memory card is very slow (2300 ms)"),
        (EventKind.FAULT_OVER, "too_hot: 81", "the cabinet is too hot (81)"),
        (EventKind.FAULT, "brand_new", "fault: brand_new"),
        (EventKind.FAULT, "", ""),
        (EventKind.CLOCK_TRUST, "last_saved", "from the last time that it wrote down, not sure"),
        (EventKind.CLOCK_STEPPED, "-3600 s", "-3600 s"),
    ],
)
def test_the_log_tells_faults_in_words(event: EventKind, detail: str, words: str) -> None:
    row = EventRow(number=1, event=event, at=NOON, detail=detail)
    record = JournalRecord(id=1, cluster=ClusterId("bl-01"), epoch="e", stored_at=NOON, row=row)
    assert entries([record], TITLES, {}, _same)[0].fates[0].reason == words


def test_spans() -> None:
    assert [span_words(s, _same) for s in (3.4, 119, 120, 7200, 172_800)] == [
        "3 seconds",
        "119 seconds",
        "2 minutes",
        "2 hours",
        "2 days",
    ]


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
