from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.command import Audience, Command, Refusal, StopEmergency
from contract.ids import ClusterId, CommuneId
from edge.core.obey import WINDOW, Bearing, Marks, all_up_to, refusal_of

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
COMMUNE = CommuneId("binh-lu")
COMMAND = Command(
    commune=COMMUNE,
    id="c-7",
    seq=7,
    audience=Audience(everyone=True),
    issued_at=NOW - timedelta(seconds=1),
    expires_at=NOW + timedelta(minutes=30),
    order=StopEmergency(),
)
KNOWS = Bearing(now=NOW, is_trusted=True)
WRONG = Bearing(now=datetime(1970, 1, 1, tzinfo=UTC), is_trusted=False)
LOST = Marks(are_whole=False)


@pytest.mark.parametrize(
    ("change", "marks", "bearing", "why"),
    [
        ({}, Marks(), KNOWS, None),
        ({"commune": CommuneId("ban-hon")}, Marks(), KNOWS, Refusal.OTHER_COMMUNE),
        ({}, Marks().after(7), KNOWS, Refusal.REPLAY),
        ({}, Marks().after(9), KNOWS, None),
        ({}, Marks().after(7 + WINDOW), KNOWS, Refusal.REPLAY),
        ({"expires_at": NOW - timedelta(seconds=1)}, Marks(), KNOWS, Refusal.EXPIRED),
        ({"expires_at": NOW + timedelta(days=2)}, Marks(), KNOWS, Refusal.TOO_LONG_LIVED),
        ({}, Marks(), WRONG, Refusal.NO_BEACON),
        ({}, Marks(), replace(WRONG, hub_now=NOW), None),
        ({}, Marks(), replace(WRONG, hub_now=NOW + timedelta(hours=1)), Refusal.EXPIRED),
        ({}, Marks(), replace(KNOWS, hub_now=NOW + timedelta(hours=1)), Refusal.EXPIRED),
        ({}, LOST, KNOWS, Refusal.NO_BEACON),
        ({}, LOST, replace(KNOWS, hub_now=NOW, seq_floor=6), None),
        ({}, LOST, replace(KNOWS, hub_now=NOW, seq_floor=7), Refusal.REPLAY),
    ],
)
def test_what_is_obeyed(
    change: dict[str, Any], marks: Marks, bearing: Bearing, why: Refusal | None
) -> None:
    assert refusal_of(replace(COMMAND, **change), COMMUNE, marks, bearing) is why


@given(st.lists(st.integers(1, 300), max_size=200))
def test_no_number_is_obeyed_twice_in_whatever_order_they_come(numbers: list[int]) -> None:
    marks, obeyed = Marks(), set[int]()
    for seq in numbers:
        if not marks.have(seq):
            assert seq not in obeyed
            obeyed.add(seq)
            marks = marks.after(seq)
        assert marks.have(seq)
        assert marks.high == max(obeyed)


@given(st.permutations(range(1, WINDOW + 1)))
def test_commands_may_overtake_each_other(numbers: list[int]) -> None:
    marks = Marks()
    for seq in numbers:
        assert not marks.have(seq)
        marks = marks.after(seq)


@given(st.integers(1, 200), st.integers(1, 200))
def test_a_stop_closes_all_before_it_and_nothing_after(high: int, stop: int) -> None:
    marks = all_up_to(Marks().after(high), stop)
    assert all(marks.have(seq) for seq in range(max(1, stop - WINDOW), stop + 1))
    later = [seq for seq in range(stop + 1, stop + 50) if seq != high and marks.high - seq < WINDOW]
    assert not any(marks.have(seq) for seq in later)


def test_who_is_meant() -> None:
    cluster = ClusterId("bl-01")
    for audience, is_meant in (
        (Audience(everyone=True), True),
        (Audience(clusters=("bl-01",)), True),
        (Audience(clusters=("bl-02",)), False),
        (Audience(groups=("ban-tham", "x")), True),
        (Audience(groups=("x",)), False),
        (Audience(), False),
    ):
        assert audience.means(cluster, ("all", "ban-tham")) is is_meant
