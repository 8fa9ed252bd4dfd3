"""What people read of an order's course, on the page and from the command."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from contract.command import Mode, Refusal, Stage
from contract.ids import ClusterId
from contract.journal import Reason
from contract.pack import PackKind
from hub.app import main
from hub.cli.emergency import course_lines, nothing_on_air
from hub.compose import Parts
from hub.core.emergency import Answer, Course
from hub.web.courses import course_line
from hub.web.tones import Tone

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ONE = ClusterId("bl-01")


def answer(stage: Stage, reason: str = "") -> Answer:
    return Answer(cluster=ONE, stage=stage, at=NOW, heard_at=NOW, reason=reason)


def course(*answers: Answer, what: str = "start", ended_at: datetime | None = None) -> Course:
    return Course(
        id="e-1",
        seq=5,
        what=what,
        title="Lũ quét",
        mode=Mode.LIVE,
        issued_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
        by="can-bo",
        meant=(ONE,),
        ended_at=ended_at,
        answers=answers,
    )


def on_page(one: Course, now: datetime) -> tuple[Tone, str]:
    (line,) = course_line(one, {}, now, str).answers
    return line.tone, line.words


STOPPED = course(ended_at=NOW)
CUT = course(answer(Stage.FAILED, Reason.STOPPED), ended_at=NOW)
STOP = course(answer(Stage.ENDED), what="stop")


@pytest.mark.parametrize(
    ("one", "now", "tone", "page", "command"),
    [
        (course(), NOW, Tone.BAD, "NO ANSWER YET: go there", "CHƯA TRẢ LỜI / NO ANSWER YET"),
        (STOPPED, NOW, Tone.CALM, "has not answered; stopped", "chưa trả lời; đã dừng"),
        (STOPPED, LATER, Tone.CALM, "has not answered; stopped", "chưa trả lời; đã dừng"),
        (course(), LATER, Tone.WARN, "too late now, has not", "hết hiệu lực, chưa trả lời"),
        (CUT, NOW, Tone.CALM, "was stopped", "đã dừng / stopped"),
        (STOP, NOW, Tone.CALM, "was stopped", "đã dừng / stopped"),
        (course(answer(Stage.ENDED)), NOW, Tone.CALM, "has sounded it", "đã phát xong / ended"),
        (
            course(answer(Stage.FAILED, Refusal.EXPIRED), ended_at=NOW),
            NOW,
            Tone.BAD,
            "DID NOT SOUND IT",
            "KHÔNG PHÁT / FAILED (expired)",
        ),
    ],
)
def test_an_answer_in_words(
    one: Course, now: datetime, tone: Tone, page: str, command: str
) -> None:
    shown, words = on_page(one, now)
    assert shown is tone
    assert words.startswith(page)
    assert course_lines(one, now)[1].startswith(f"  {ONE}: {command}")


def test_a_stop_that_came_is_not_about_to_sound() -> None:
    assert on_page(course(answer(Stage.VERIFIED), what="stop"), NOW)[1] == "has received it"


def test_a_cut_one_is_no_failure() -> None:
    assert course_lines(CUT, NOW)[1] == f"  {ONE}: đã dừng / stopped"


def test_nothing_is_on_air_only_when_no_cluster_may_sound_it() -> None:
    assert nothing_on_air([STOP, STOPPED, CUT], NOW)
    assert nothing_on_air([course()], LATER)
    assert not nothing_on_air([STOP, course()], NOW)
    assert not nothing_on_air([course(answer(Stage.STARTED))], LATER)
    assert nothing_on_air([replace(course(answer(Stage.STARTED)), ended_at=NOW)], LATER)


async def test_a_mistyped_kind_is_told_with_all_there_are(
    parts: Parts, capsys: pytest.CaptureFixture[str]
) -> None:
    state = str(parts.state.root)
    wanted = ["emergency", "start", "flod", "--word", "KHẨN CẤP", "--state", state]
    capsys.readouterr()
    assert await asyncio.to_thread(main, wanted) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert all(line.count(kind) >= 2 for kind in PackKind)
