from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from contract.ids import BulletinId, ClusterId, Sha256, SlotId
from contract.journal import ItemRow, Outcome, Reason
from contract.ports import ClockTrust
from contract.status import OnAir, Reported
from edge.app import main
from edge.core.card_words import CardStatus
from edge.core.clock_trust import Doubt
from edge.core.words import Language
from edge.shell.checking import judge_card
from edge.shell.commands import clock_lines, parse_instant
from edge.shell.ledger import Ledger
from edge.shell.sound_cache import SoundCache
from edge.shell.status_file import ClockStatus, Status, StatusFile
from hardware.clock import SystemClock

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def ask(config_file: Path, state: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """`loaxa-edge` with these words: exit code, answer, complaint."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--config", str(config_file), "--state", str(state)])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return run


def soon() -> datetime:
    """Tomorrow at 17:00 local time: ahead of any moment at which this runs."""
    day = SystemClock().now().astimezone(datetime.fromisoformat("2026-01-01T00:00+07:00").tzinfo)
    return (day + timedelta(days=1)).replace(hour=17, minute=0, second=0, microsecond=0)


@pytest.fixture
def lived_in(state: Path, papers: Any) -> Path:
    """The state of a cluster that holds a plan, one of its two sounds, and a row of yesterday."""
    state.mkdir()
    at = soon()
    held, missing = papers.bulletin("tin"), papers.bulletin("nhac")
    plan = papers.plan(
        7,
        (held, papers.slot(held, at)),
        (missing, papers.slot(missing, at + timedelta(minutes=10))),
        issued_at=at - timedelta(days=3),
    )
    (state / "desired.note").write_bytes(papers.note(plan))
    cache = SoundCache(state / "sounds", state / "cache.db")
    (state / "x.part").write_bytes(papers.sound("tin"))
    cache.adopt(state / "x.part", held.sha256)
    cache.close()
    ledger = Ledger(state / "ledger.db")
    yesterday = at - timedelta(days=2)
    ledger.set_watermark(yesterday)
    ledger.append(
        ItemRow(
            number=1,
            slot=SlotId("slot-cu"),
            bulletin=BulletinId("cu"),
            sha256=Sha256("0" * 64),
            planned_at=yesterday,
            outcome=Outcome.NOT_AIRED,
            reason=Reason.NO_FILE,
        )
    )
    ledger.close()
    return state


def report(at: datetime, **more: Any) -> Reported:
    facts: dict[str, Any] = {
        "desired_version": 7,
        "cached": 1,
        "missing": (Sha256("0" * 64),),
        "relays": {"amp": True},
        "arrester_ok": True,
        "surge_count": 3,
        "clock_trust": ClockTrust.RTC,
        "journal_waiting": 4,
        "on_air": OnAir(slot=SlotId("s"), bulletin=BulletinId("tin"), planned_at=at, started_at=at),
    }
    return Reported(at=at, boot="b", software="1", board="cabinet-v1", **(facts | more))


# status


def without_time(said: str) -> list[str]:
    """The time at which the command was asked is not known beforehand."""
    return [
        re.sub(r"(Giờ của cụm|The cluster's time): .*", r"\1: ?", one) for one in said.splitlines()
    ]


def test_status_says_how_the_cluster_is(ask: Ask, state: Path) -> None:
    StatusFile(state / "run" / "status.json").write(report(soon()), link_up=False)
    code, said, _ = ask("status")
    assert code == 0
    assert without_time(said) == [
        "Đang phát: tin",
        "Tăng âm: bật",
        "Kết nối về xã: mất kết nối",
        "Lịch phát số: 7",
        "Tệp âm thanh: 1 đủ, 1 thiếu",
        "Chống sét: tốt, 3 lần xung sét",
        "Nhật ký chờ gửi: 4",
        "Giờ của cụm: ?",
        "đồng hồ theo RTC, từ 08:00:00 01-01-1970",
    ]


def test_status_names_what_is_on_air_as_the_plan_does(ask: Ask, lived_in: Path) -> None:
    status = StatusFile(lived_in / "run" / "status.json")
    status.write(report(soon()), link_up=True)
    assert ask("status")[1].splitlines()[0] == "Đang phát: «Bản tin tin»"
    (lived_in / "desired.note").write_bytes(b"rotten")
    assert ask("status")[1].splitlines()[0] == "Đang phát: tin"


def test_status_is_told_without_a_configuration(
    capsys: pytest.CaptureFixture[str], state: Path
) -> None:
    StatusFile(state / "run" / "status.json").write(report(soon()), link_up=True)
    assert main(["status", "--config", str(state / "absent.toml"), "--state", str(state)]) == 0
    assert capsys.readouterr().out.startswith("Đang phát: tin\n")


CARD = CardStatus(
    free_mib=812,
    sounds_mib=120.5,
    quota_mib=4096,
    aside=1,
    all_read_since=datetime.fromisoformat("2026-11-22T02:10:00+07:00"),
    month_mib=12.5,
    budget_mib=500,
    rows_in_memory=3,
)


def test_status_says_what_is_on_the_card_and_what_was_fetched(ask: Ask, state: Path) -> None:
    StatusFile(state / "run" / "status.json").write(report(soon()), link_up=True, card=CARD)
    _, said, _ = ask("status")
    for line in (
        "Thẻ nhớ: còn trống 812 MiB; tệp âm thanh 120.5 / 4096 MiB, 1 tệp hỏng để riêng",
        "Đọc lại tệp trên thẻ: đủ, từ 02:10 22-11-2026",
        "Dữ liệu tháng này: 12.5 / 500 MiB",
        "Thẻ nhớ không ghi được: 3 dòng nhật ký chờ trong bộ nhớ, mất điện là mất",
    ):
        assert line in said.splitlines()
    StatusFile(state / "run" / "status.json").write(
        report(soon()), link_up=True, card=CardStatus(free_mib=5, sounds_mib=0, quota_mib=16)
    )
    _, said, _ = ask("status", "--english")
    assert "Card: 5 MiB free; sounds 0.0 / 16 MiB" in said.splitlines()
    assert "Sounds on the card read again: not all of them yet" in said.splitlines()
    assert "Data this month: 0.0 MiB, no limit" in said.splitlines()


def test_check_says_that_rows_wait_in_memory_and_what_to_do() -> None:
    verdicts = list(judge_card(CARD))
    assert [verdict.holds for verdict in verdicts] == [True, True, False]
    assert verdicts[-1].advice is not None
    assert all(verdict.holds for verdict in judge_card(replace(CARD, rows_in_memory=0)))


def five_past(mono_ns: int, doubt: Doubt = Doubt.NONE) -> ClockStatus:
    """A clock that says 17:05 at this monotonic instant, and is what it is since 17:04."""
    at = datetime.fromisoformat("2026-11-24T17:05:00+07:00")
    wall_over_mono_ms = round(at.timestamp() * 1000) - mono_ns // 1_000_000
    since_ms = mono_ns // 1_000_000 - 60_000
    return ClockStatus(
        doubt=doubt, wall_over_mono_ms=wall_over_mono_ms, trust_since_mono_ms=since_ms
    )


def test_the_clusters_own_time_is_told_by_whoever_reads_the_same_monotonic_clock() -> None:
    mono_ns = 8 * 10**12
    told = Status(reported=report(soon()), link_up=True, agent=1, clock=five_past(mono_ns))
    assert clock_lines(told, mono_ns + 7 * 10**9, Language.VI) == [
        "Giờ của cụm: 17:05:07 24-11-2026",
        "đồng hồ theo RTC, từ 17:04:00 24-11-2026",
    ]


@pytest.mark.parametrize("doubt", Doubt)
@pytest.mark.parametrize("language", Language)
def test_a_doubt_is_told_with_what_to_do(doubt: Doubt, language: Language) -> None:
    told = Status(
        reported=report(soon(), clock_trust=ClockTrust.UNKNOWN),
        link_up=True,
        agent=1,
        clock=five_past(10**12, doubt),
    )
    lines = clock_lines(told, 10**12, language)
    assert len(lines) == (2 if doubt is Doubt.NONE else 3)
    assert doubt is Doubt.NONE or "4G" in lines[-1]


def test_status_says_each_fault_with_what_to_do(ask: Ask, state: Path) -> None:
    faults = ("under_voltage", "card_slow")
    StatusFile(state / "run" / "status.json").write(report(soon(), faults=faults), link_up=True)
    said = [line for line in ask("status")[1].splitlines() if line.startswith("LỖI")]
    assert len(said) == 2
    assert said[0].startswith("LỖI: nguồn điện yếu")
    assert "→ thay nguồn 5 V" in said[0]
    assert said[1].startswith("LỖI: thẻ nhớ ghi rất chậm →")


def test_the_status_of_an_agent_that_was_killed_is_none(ask: Ask, state: Path) -> None:
    path = state / "run" / "status.json"
    StatusFile(path).write(report(soon()), link_up=True)
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    path.write_text(path.read_text().replace(f'"agent":{os.getpid()}', f'"agent":{gone.pid}'))
    code, said, _ = ask("status", "--english")
    assert (code, said) == (1, "The agent is not running. Start it: systemctl start loaxa-edge\n")


def test_a_process_that_took_the_number_of_an_agent_is_none(ask: Ask, state: Path) -> None:
    """After a power cut the numbers begin anew: the one of the agent may be anybody's."""
    path = state / "run" / "status.json"
    StatusFile(path).write(report(soon()), link_up=True)
    assert ask("status")[0] == 0
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other:
        told = path.read_text().replace(f'"agent":{os.getpid()}', f'"agent":{other.pid}')
        path.write_text(told)
        assert ask("status")[0] == 1


def test_status_in_english(ask: Ask, state: Path) -> None:
    quiet = report(soon(), on_air=None, relays={}, arrester_ok=False)
    StatusFile(state / "run" / "status.json").write(quiet, link_up=True)
    _, said, _ = ask("status", "--english")
    assert without_time(said) == [
        "On air: nothing",
        "Amplifier: off",
        "Link to the hub: up",
        "Plan: 7",
        "Sounds: 1 held, 1 missing",
        "Surge arrester: FAILED, replace it, 3 surges",
        "Journal rows waiting: 4",
        "The cluster's time: ?",
        "clock from the RTC, since 08:00:00 01-01-1970",
    ]


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"link_up": 1}'])
@pytest.mark.parametrize(("more", "words"), [([], "chưa chạy"), (["--english"], "not running")])
def test_status_without_an_agent_says_what_to_do(
    ask: Ask, state: Path, content: bytes | None, more: list[str], words: str
) -> None:
    if content is not None:
        (state / "run").mkdir(parents=True)
        (state / "run" / "status.json").write_bytes(content)
    code, said, _ = ask("status", *more)
    assert code == 1
    assert words in said
    assert "systemctl start loaxa-edge" in said


# explain


def test_explain_says_what_will_sound_and_what_is_missing(ask: Ask, lived_in: Path) -> None:
    at = soon()
    code, said, _ = ask("explain", "--at", at.strftime("%Y-%m-%dT17:00:30"))
    assert code == 0
    assert said.splitlines()[0].startswith("Chương trình trên cụm loa chưa chạy.")
    assert said.splitlines()[1] == f"Lúc 17:00:30 ngày {at:%d/%m/%Y}, lịch số 7:"
    assert "Lẽ ra phát: 17:00:00 «Bản tin tin» 17:00:00–17:01:00 (đúng lịch)" in said
    assert "Tệp chưa tải về: 17:10:00 «Bản tin nhac»" in said
    assert lived_in.exists()


def test_explain_beside_an_agent_that_runs_does_not_speak_of_it(ask: Ask, lived_in: Path) -> None:
    StatusFile(lived_in / "run" / "status.json").write(report(soon()), link_up=True)
    at = soon()
    _, said, _ = ask("explain", "--at", at.strftime("%Y-%m-%dT17:00:30"))
    assert said.splitlines()[0].startswith("Lúc 17:00:30")


def test_explain_in_english_also_from_the_journal(ask: Ask, lived_in: Path) -> None:
    past = soon() - timedelta(days=2)
    _, said, _ = ask("explain", "--at", past.isoformat(), "--english")
    assert "Journal: 17:00:00 «cu»: not aired, the sound file is not on the card" in said
    assert lived_in.exists()


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".db-wal", ".db-shm")
    }


@pytest.mark.parametrize("damage", ["nothing", "a sound", "the plan", "no cache", "the ledger"])
def test_explain_changes_nothing_that_it_asks_about(ask: Ask, lived_in: Path, damage: str) -> None:
    match damage:
        case "a sound":
            next((lived_in / "sounds").iterdir()).write_bytes(b"rotten")
        case "the plan":
            (lived_in / "desired.note").write_bytes(b"rotten")
        case "no cache":
            shutil.rmtree(lived_in / "sounds")
            (lived_in / "cache.db").unlink()
        case "the ledger":
            (lived_in / "ledger.db").write_bytes(b"rotten" * 1000)
    before = contents(lived_in)
    code, _, complaint = ask("explain", "--at", "17:00")
    assert contents(lived_in) == before
    assert (lived_in / "sounds").exists() is (damage != "no cache")
    assert (code, complaint.count("\n")) == ((2, 1) if damage == "the ledger" else (0, 0))


def test_explain_before_the_agent_ever_ran_makes_nothing(ask: Ask, state: Path) -> None:
    code, said, _ = ask("explain", "--at", "17:00", "--english")
    assert code == 0
    assert said.splitlines() == [
        "The agent is not running. Start it: systemctl start loaxa-edge",
        "The cluster has no plan yet.",
    ]
    assert not state.exists()


@pytest.mark.parametrize("text", ["", "now", "25:00", "17h", "2026-11-24", "24/11/2026 17:00"])
def test_a_time_that_is_none_is_one_line(ask: Ask, text: str) -> None:
    code, said, complaint = ask("explain", "--at", text)
    assert (code, said) == (2, "")
    assert complaint == (
        f"loaxa-edge: không hiểu giờ {text!r}; hãy viết 17:00 hoặc 2026-11-24T17:00\n"
    )
    assert "cannot read the time" in ask("explain", "--at", text, "--english")[2]


@pytest.mark.parametrize("text", ["0001-01-01T00:00", "9999-12-31T23:59:59", "1970-01-01T00:00"])
def test_a_time_too_far_away_is_one_line(ask: Ask, lived_in: Path, text: str) -> None:
    code, _, complaint = ask("explain", "--at", text, "--english")
    assert code == 2
    assert complaint == f"loaxa-edge: {text!r} is more than a year away\n"
    assert lived_in.exists()


def test_a_state_that_is_no_ledger_is_one_line(ask: Ask, state: Path) -> None:
    (state / "ledger.db").mkdir(parents=True)
    code, _, complaint = ask("explain", "--at", "17:00")
    assert code == 2
    assert complaint.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("17:00", "2026-11-24T17:00:00+07:00"),
        ("17:00:05", "2026-11-24T17:00:05+07:00"),
        ("2026-11-25T06:00", "2026-11-25T06:00:00+07:00"),
        ("2026-11-25 06:00", "2026-11-25T06:00:00+07:00"),
        ("2026-11-25T06:00Z", "2026-11-25T13:00:00+07:00"),
        ("tomorrow", None),
        ("2026-11-25", None),
    ],
)
def test_an_instant_is_local_unless_it_says_otherwise(text: str, at: str | None) -> None:
    """20:00 UTC on the 23rd is already the 24th in the commune."""
    now = datetime.fromisoformat("2026-11-23T20:00:00+00:00")
    assert parse_instant(text, now) == (datetime.fromisoformat(at) if at else None)


# verify


def test_verify_says_what_a_note_is(ask: Ask, tmp_path: Path, papers: Any) -> None:
    note = tmp_path / "plan.note"
    note.write_bytes(papers.note(papers.plan(7)))
    code, said, _ = ask("verify", str(note))
    assert code == 0
    assert said.startswith("Hợp lệ, ký bởi hub-binh-lu: kind desired, commune binh-lu")
    assert "version 7" in ask("verify", str(note), "--english")[1]
    note.write_bytes(papers.ack("e1", 5, cluster=ClusterId("bl-09")))
    assert "kind journal-ack, commune binh-lu, cluster bl-09" in ask("verify", str(note))[1]


def test_verify_forgives_the_line_end_that_a_printing_program_added(
    ask: Ask, tmp_path: Path, papers: Any
) -> None:
    note = tmp_path / "plan.note"
    note.write_bytes(papers.note(papers.plan(7)) + b"\n")
    assert ask("verify", str(note))[0] == 0


@pytest.mark.parametrize(
    ("more", "words"), [([], "KHÔNG hợp lệ"), (["--english"], "Does NOT hold")]
)
def test_verify_of_a_changed_note_says_so(
    ask: Ask, tmp_path: Path, papers: Any, more: list[str], words: str
) -> None:
    note = tmp_path / "plan.note"
    for raw in (papers.note(papers.plan(7)).replace(b"7", b"8"), b"", b"\xff"):
        note.write_bytes(raw)
        code, said, _ = ask("verify", str(note), *more)
        assert code == 1
        assert said.startswith(words)
        assert said.count("\n") == 1


def test_verify_of_no_file_is_one_line(ask: Ask, tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        code, said, complaint = ask("verify", str(path))
        assert (code, said) == (2, "")
        assert complaint.startswith(f"loaxa-edge: {path}: ")
        assert complaint.count("\n") == 1
