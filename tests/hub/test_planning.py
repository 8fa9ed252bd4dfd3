from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.ids import BulletinId, ClusterId, CommuneId, Sha256, SlotId
from contract.model import Once, Priority, Stop, Weekly
from contract.policy import DEFAULT_QUIET_HOURS
from hub.core.model import BulletinRecord, Cluster, SlotRecord
from hub.core.planning import Facts, Issued, compile_plan, next_plan, plan_hash

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
BL_01 = Cluster(name=ClusterId("bl-01"), groups=("cho", "all"))
BL_02 = Cluster(name=ClusterId("bl-02"))


def bulletin(name: str) -> BulletinRecord:
    return BulletinRecord(
        id=BulletinId(name),
        title=name,
        sha256=Sha256(name.encode().hex().ljust(64, "0")),
        size_bytes=10,
        duration_ms=60_000,
        priority=Priority.NORMAL,
        loudness_lufs=None,
        true_peak_dbtp=None,
        source_name="",
        created_at=NOW,
        created_by="t",
    )


def slot(name: str, when: Once | Weekly | None = None, **more: Any) -> SlotRecord:
    return SlotRecord(
        id=SlotId(name),
        bulletin=BulletinId("tin"),
        when=when or Once(at=NOW + timedelta(hours=1)),
        clusters=more.pop("clusters", None),
        owed_from=NOW - timedelta(days=30),
        approved_at=NOW,
        **more,
    )


def facts(*slots: SlotRecord) -> Facts:
    return Facts(
        commune=CommuneId("binh-lu"),
        quiet_hours=DEFAULT_QUIET_HOURS,
        slots=slots,
        bulletins={BulletinId("tin"): bulletin("tin"), BulletinId("nhac"): bulletin("nhac")},
    )


def issued(plan: Any) -> Issued:
    return Issued(version=plan.version, body_hash=plan_hash(plan), issued_at=plan.issued_at)


def test_a_plan_holds_its_slots_the_bulletins_they_need_and_its_groups() -> None:
    plan = compile_plan(BL_01, facts(slot("b"), slot("a")), NOW)
    assert [one.id for one in plan.slots] == ["a", "b"]
    assert [one.id for one in plan.bulletins] == ["tin"]
    assert plan.groups == ("all", "cho")
    assert plan.quiet_hours == DEFAULT_QUIET_HOURS


def test_only_clusters_that_are_meant_get_a_slot() -> None:
    known = facts(slot("one", clusters=(ClusterId("bl-02"),)), slot("every"))
    assert [one.id for one in compile_plan(BL_01, known, NOW).slots] == ["every"]
    assert [one.id for one in compile_plan(BL_02, known, NOW).slots] == ["every", "one"]


def test_a_cancelled_slot_is_not_in_the_plan() -> None:
    assert compile_plan(BL_01, facts(slot("a", cancelled_at=NOW)), NOW).slots == ()


@pytest.mark.parametrize(
    ("hours", "kept"), [(0, True), (24, True), (24.1, True), (24.3, False), (100, False)]
)
def test_a_past_slot_leaves_the_plan_a_day_after_its_end(hours: float, kept: bool) -> None:
    past = slot("a", Once(at=NOW - timedelta(hours=hours)))  # 60 s long, late limit 600 s
    assert bool(compile_plan(BL_01, facts(past), NOW).slots) is kept


@pytest.mark.parametrize(
    ("until", "kept"),
    [(None, True), ("2026-11-24", True), ("2026-11-23", True), ("2026-11-20", False)],
)
def test_a_weekly_slot_leaves_the_plan_after_its_last_day(until: str | None, kept: bool) -> None:
    weekly = Weekly(days=(1,), times=("17:00",), until_date=until)
    assert bool(compile_plan(BL_01, facts(slot("a", weekly)), NOW).slots) is kept


def test_stops_older_than_a_day_leave_the_plan() -> None:
    weekly = Weekly(days=(1, 2), times=("09:00",))
    stops = tuple(Stop(slot=SlotId("a"), planned_at=NOW - timedelta(hours=h)) for h in (48, 23, 1))
    plan = compile_plan(BL_01, facts(slot("a", weekly, stops=stops)), NOW)
    assert [NOW - stop.planned_at for stop in plan.stops] == [
        timedelta(hours=23),
        timedelta(hours=1),
    ]


def test_the_first_plan_is_version_1_and_the_next_is_higher() -> None:
    first = next_plan(BL_01, facts(), None, NOW)
    assert first
    assert (first.version, first.issued_at) == (1, NOW)
    second = next_plan(BL_01, facts(slot("a")), issued(first), NOW)
    assert second
    assert second.version == 2


def test_the_same_facts_issue_nothing() -> None:
    first = next_plan(BL_01, facts(slot("a")), None, NOW)
    assert first
    assert next_plan(BL_01, facts(slot("a")), issued(first), NOW) is None


def test_time_alone_issues_nothing_but_a_real_change_also_tidies() -> None:
    first = next_plan(BL_01, facts(slot("a")), None, NOW)
    assert first
    later = NOW + timedelta(days=9)
    assert next_plan(BL_01, facts(slot("a")), issued(first), later) is None
    changed = facts(slot("a"), slot("b", Once(at=later)))
    second = next_plan(BL_01, changed, issued(first), later)
    assert second
    assert [one.id for one in second.slots] == ["b"]


def test_a_cluster_that_holds_a_higher_version_gets_one_above_it() -> None:
    first = next_plan(BL_01, facts(), None, NOW)
    assert first
    jumped = next_plan(BL_01, facts(), issued(first), NOW, above=41)
    assert jumped
    assert jumped.version == 42
    assert next_plan(BL_01, facts(), issued(jumped), NOW, above=42) is None


NAMES = st.sampled_from(["bl-01", "bl-02", "bl-03"])
WHENS = st.one_of(
    st.builds(
        lambda hours: Once(at=NOW + timedelta(hours=hours)),
        st.integers(min_value=-60, max_value=60),
    ),
    st.builds(
        lambda days, until: Weekly(days=tuple(sorted(days)), times=("17:00",), until_date=until),
        st.sets(st.integers(1, 7), min_size=1),
        st.one_of(st.none(), st.sampled_from(["2026-11-20", "2026-12-01"])),
    ),
)
SLOTS = st.lists(
    st.builds(
        slot,
        st.uuids().map(str),
        WHENS,
        clusters=st.one_of(st.none(), st.sets(NAMES.map(ClusterId), min_size=1).map(tuple)),
        volume_pct=st.one_of(st.none(), st.integers(0, 100)),
    ),
    max_size=8,
    unique_by=lambda one: one.id,
)


@given(slots=SLOTS, order=st.randoms())
def test_the_order_of_facts_does_not_matter(slots: list[SlotRecord], order: Any) -> None:
    shuffled = list(slots)
    order.shuffle(shuffled)
    one, other = (compile_plan(BL_01, facts(*each), NOW) for each in (slots, shuffled))
    assert plan_hash(one) == plan_hash(other)


@given(slots=SLOTS, added=st.builds(slot, st.just("new"), WHENS, clusters=st.just((BL_01.name,))))
def test_only_clusters_whose_plan_changed_get_a_version(
    slots: list[SlotRecord], added: SlotRecord
) -> None:
    last = issued(replace(compile_plan(BL_02, facts(*slots), NOW), version=7, issued_at=NOW))
    later = NOW + timedelta(days=3)
    assert next_plan(BL_02, facts(*slots, added), last, later) is None


@given(slots=SLOTS, hours=st.integers(0, 400))
def test_versions_only_rise(slots: list[SlotRecord], hours: int) -> None:
    version, last = 0, None
    for count in range(len(slots) + 1):
        now = NOW + timedelta(hours=hours * count)
        plan = next_plan(BL_01, facts(*slots[:count]), last, now)
        if plan is not None:
            assert plan.version == version + 1
            version, last = plan.version, issued(plan)
