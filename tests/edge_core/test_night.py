from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.ids import BulletinId, ClusterId, CommuneId, Sha256, SlotId
from contract.model import Bulletin, Desired, Once, Slot
from contract.ports import ClockTrust
from edge.core.night import NightRestart, may_restart
from edge.core.state import Aired, Snapshot

AT = datetime.fromisoformat("2026-11-25T03:30:00+07:00")
RULE = NightRestart(at="03:30")
A_DAY_S = 86_400.0
ANY: Any = object()


def idle(at: datetime = AT, **more: Any) -> Snapshot:
    return Snapshot(now=at, **({"trust": ClockTrust.SYNCHRONISED, "plan": None} | more))


def due(at: datetime, late_limit_s: int = 600) -> Desired:
    bulletin = Bulletin(
        id=BulletinId("tin"), title="Tin", sha256=Sha256("a" * 64), size_bytes=1, duration_ms=60_000
    )
    before = at - timedelta(days=1)
    slot = Slot(
        id=SlotId("s"), bulletin=bulletin.id, when=Once(at=at), owed_from=before,
        approved_at=before, late_limit_s=late_limit_s,
    )  # fmt: skip
    return Desired(
        commune=CommuneId("binh-lu"), cluster=ClusterId("bl-01"), version=1, issued_at=before,
        bulletins=(bulletin,), slots=(slot,),
    )  # fmt: skip


def test_at_its_time_with_nothing_due_it_may() -> None:
    assert may_restart(RULE, idle(), A_DAY_S)


def test_unless_it_is_asked_for_it_never_may() -> None:
    assert not may_restart(NightRestart(), idle(), A_DAY_S)


@pytest.mark.parametrize(
    ("minutes", "may"), [(-1, False), (0, True), (119, True), (120, False), (12 * 60, False)]
)
def test_it_tries_for_two_hours(minutes: int, may: bool) -> None:
    assert may_restart(RULE, idle(AT + timedelta(minutes=minutes)), A_DAY_S) is may


def test_its_time_may_lie_before_midnight() -> None:
    assert may_restart(NightRestart(at="23:30"), idle(AT - timedelta(hours=3)), A_DAY_S)


@pytest.mark.parametrize(
    "changes",
    [
        {"trust": ClockTrust.LAST_SAVED},
        {"open": ANY},
        {"cued": (ANY,)},
        {"amplifier_on_at": AT},
        {"emergencies": (ANY,)},
        {"turn": ANY},
        {"plan": due(AT + timedelta(minutes=14))},
        {"plan": due(AT - timedelta(minutes=9))},
    ],
)
def test_what_is_on_air_or_due_keeps_it_up(changes: dict[str, Any]) -> None:
    assert not may_restart(RULE, replace(idle(), **changes), A_DAY_S)


@pytest.mark.parametrize("at", [AT + timedelta(minutes=15), AT - timedelta(minutes=11)])
def test_what_is_far_or_too_late_does_not(at: datetime) -> None:
    assert may_restart(RULE, idle(plan=due(at)), A_DAY_S)


def test_what_has_its_row_does_not() -> None:
    at = AT - timedelta(minutes=9)
    aired = Aired(begun_at=at, ended_at=at + timedelta(minutes=1))
    assert may_restart(RULE, idle(plan=due(at), closed={(SlotId("s"), at): aired}), A_DAY_S)


@given(st.integers(0, 3 * 86_400))
def test_an_agent_that_begins_afresh_does_not_do_so_again_in_the_same_night(up_s: int) -> None:
    assert may_restart(RULE, idle(), float(up_s)) is (up_s >= 20 * 3600)
