from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from contract.ids import BulletinId
from contract.journal import Reason
from contract.ports import ClockTrust
from edge.core.decide import decide
from edge.core.explain import explain
from edge.core.needs import sounds_in_order_of_need
from edge.core.rows import row_of_closing
from edge.core.state import Limits
from edge.core.words import Language, reason_words


def test_every_reason_has_words_in_both_languages() -> None:
    for reason in Reason:
        for language in Language:
            assert reason_words(reason, language)


def test_says_what_sounds_and_who_waits(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("first", 60), scene.slot("first", 0)),
        (scene.bulletin("second", 60), scene.slot("second", 10)),
    )
    lines = explain(scene.snapshot(plan, -3600), scene.at(30), (), Limits(), Language.EN)
    assert lines[0] == "At 17:00:30 on 24/11/2026, plan 1:"
    assert "On air: 17:00:00 «first» 17:00:00–17:01:00 (as planned)" in lines
    assert "Not now: 17:00:10 «second» 17:01:00–17:02:00 (waited for the item before it)" in lines


def test_says_that_nothing_sounds_and_that_the_clock_is_wrong(scene: Any) -> None:
    snapshot = scene.snapshot(scene.plan(), 0, trust=ClockTrust.UNKNOWN)
    text = "\n".join(explain(snapshot, scene.at(30), (), Limits(), Language.VI))
    assert "Không có gì phát" in text
    assert "đồng hồ chưa đúng: không phát gì theo giờ" in text


def test_without_a_plan_it_says_so(scene: Any) -> None:
    assert "no plan" in explain(scene.snapshot(None, 0), scene.at(0), (), Limits(), Language.EN)[0]


def test_without_an_agent_that_comes_first_and_nothing_is_promised(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("now"), scene.slot("now", 0)),
        (scene.bulletin("later"), scene.slot("later", 3600)),
    )
    snapshot = scene.snapshot(plan, -60)
    lines = explain(snapshot, scene.at(10), (), Limits(), Language.VI, agent_runs=False)
    assert lines[0] == "Chương trình trên cụm loa chưa chạy. Hãy chạy: systemctl start loaxa-edge"
    assert any(line.startswith("Lẽ ra phát: 17:00:00 «now»") for line in lines)
    assert not any(line.startswith(("Phát: ", "Tiếp theo: ")) for line in lines)
    assert lines[-1].startswith("Tiếp theo, nếu chương trình chạy: 18:00:00")
    blank = scene.snapshot(None, 0)
    assert len(explain(blank, scene.at(0), (), Limits(), Language.EN, agent_runs=False)) == 2


def test_the_journal_is_told_with_the_plans_titles(scene: Any) -> None:
    named = replace(scene.bulletin("tin"), title="Thông báo tiêm phòng")
    plan = scene.plan((named, scene.slot("tin", 0)))
    closing = decide(scene.snapshot(plan, 700, booted_at=scene.at(650)), Limits()).closings[0]
    row = row_of_closing(closing, trust=ClockTrust.RTC, link_up=False, plan_version=1)
    gone = replace(row, bulletin=BulletinId("cu"))
    snapshot = scene.snapshot(plan, 800, closed={row_key(row): None})
    lines = explain(snapshot, scene.at(10), (row, gone), Limits(), Language.VI)
    assert any("Nhật ký: 17:00:00 «Thông báo tiêm phòng»" in line for line in lines)
    assert any("Nhật ký: 17:00:00 «cu»" in line for line in lines)


def test_the_past_is_told_from_the_journal(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    closing = decide(scene.snapshot(plan, 700, booted_at=scene.at(650)), Limits()).closings[0]
    row = row_of_closing(closing, trust=ClockTrust.RTC, link_up=False, plan_version=1)
    snapshot = scene.snapshot(plan, 800, closed={row_key(row): None})
    text = "\n".join(explain(snapshot, scene.at(10), (row,), Limits(), Language.VI))
    assert "không phát, cụm loa không hoạt động lúc đó" in text


def row_key(row: Any) -> Any:
    return (row.slot, row.planned_at)


def test_missing_sound_is_named(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 100)))
    lines = explain(
        scene.snapshot(plan, 0, held=frozenset()), scene.at(110), (), Limits(), Language.VI
    )
    assert any(line.startswith("Tệp chưa tải về") for line in lines)


def test_sounds_are_fetched_in_order_of_need(scene: Any) -> None:
    late, soon, spare = (scene.bulletin(name) for name in ("late", "soon", "spare"))
    plan = scene.plan(
        (spare, scene.slot("spare", 30 * 86400)),
        (late, scene.slot("late", 900)),
        (soon, scene.slot("soon", 60)),
    )
    assert [b.id for b in sounds_in_order_of_need(plan, scene.at(0))] == ["soon", "late", "spare"]
    assert sounds_in_order_of_need(None, scene.at(0)) == ()


def test_says_what_comes_next(scene: Any) -> None:
    plan = scene.plan(
        (scene.bulletin("now", 60), scene.slot("now", 0)),
        (scene.bulletin("later", 60), scene.slot("later", 33 * 86400)),
    )
    held = frozenset({plan.bulletins[0].sha256})
    snapshot = scene.snapshot(plan, -3600, held=held)
    before = explain(snapshot, scene.at(-1800), (), Limits(), Language.EN)
    assert before[-1] == "Next: 17:00:00 24/11/2026 «now»"
    during = explain(snapshot, scene.at(30), (), Limits(), Language.VI)
    assert during[-1] == "Tiếp theo: 17:00:00 27/12/2026 «later» (tệp chưa tải về)"
    after = explain(snapshot, scene.at(34 * 86400), (), Limits(), Language.EN)
    assert after[-1] == "Next: nothing within 35 days."


def test_says_that_maintenance_keeps_it_silent(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)), maintenance=True)
    lines = explain(scene.snapshot(plan, -60), scene.at(10), (), Limits(), Language.VI)
    assert "Đang bảo trì: không phát gì theo giờ." in lines
    assert any(line.startswith("Lẽ ra phát: 17:00:00 «tin»") for line in lines)
    assert not any(line.startswith("Phát: ") for line in lines)


def test_says_how_far_the_clock_was_set(scene: Any) -> None:
    plan = scene.plan((scene.bulletin("tin"), scene.slot("tin", 0)))
    closing = decide(scene.snapshot(plan, 700, booted_at=scene.at(650)), Limits()).closings[0]
    row = row_of_closing(closing, trust=ClockTrust.RTC, link_up=False, plan_version=1)
    row = replace(row, clock_step_s=-3600.0)
    snapshot = scene.snapshot(plan, 800, closed={row_key(row): None})
    text = "\n".join(explain(snapshot, scene.at(10), (row,), Limits(), Language.VI))
    assert "đồng hồ được chỉnh -3600 s" in text
