from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.fault import FaultCode
from hardware.health import HEALTH_FAULTS, Canary, Health, faults_of

WELL = Health(
    filesystem_errors=0,
    is_read_only=False,
    life_used_pct=10,
    reserve=1,
    under_voltage=False,
    temperature_c=52.0,
    canary=Canary(write_ms=8.0),
)
READ_ONLY = Canary(write_ms=1.0, is_read_only=True, why="Read-only file system")
BROKEN = Canary(write_ms=900.0, came_back=False, why="Input/output error")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, {}),
        ({"filesystem_errors": 3}, {FaultCode.CARD_ERRORS: "3 in the file system"}),
        ({"canary": BROKEN}, {FaultCode.CARD_ERRORS: "Input/output error"}),
        (
            {"canary": Canary(write_ms=5.0, came_back=False)},
            {FaultCode.CARD_ERRORS: "what was written did not come back the same"},
        ),
        ({"is_read_only": True}, {FaultCode.CARD_READ_ONLY: ""}),
        ({"canary": READ_ONLY}, {FaultCode.CARD_READ_ONLY: ""}),
        ({"canary": Canary(write_ms=31_400.0)}, {FaultCode.CARD_SLOW: "31 s"}),
        ({"life_used_pct": 70}, {}),
        ({"life_used_pct": 80}, {FaultCode.CARD_WORN: "80 %"}),
        ({"reserve": 2}, {FaultCode.CARD_WORN: "10 %"}),
        ({"life_used_pct": None, "reserve": 3}, {FaultCode.CARD_WORN: ""}),
        ({"under_voltage": True}, {FaultCode.UNDER_VOLTAGE: ""}),
        ({"temperature_c": 79.9}, {}),
        ({"temperature_c": 80.0}, {FaultCode.TOO_HOT: "80 °C"}),
    ],
)
def test_each_reading_means_its_fault(changes: dict[str, Any], found: dict[FaultCode, str]) -> None:
    assert faults_of(replace(WELL, **changes), {}) == found


def test_a_machine_that_cannot_tell_has_no_fault_and_loses_none() -> None:
    assert faults_of(Health(), {}) == {}
    everything = dict.fromkeys(HEALTH_FAULTS, "as it was")
    assert faults_of(Health(), everything) == everything
    assert faults_of(WELL, everything) == {}


@pytest.mark.parametrize(
    ("code", "name", "readings", "is_there"),
    [
        (
            FaultCode.TOO_HOT,
            "temperature_c",
            [79.0, 80.0, 79.0, 75.0, 74.9, 79.9, 80.1],
            [False, True, True, True, False, False, True],
        ),
        (
            FaultCode.CARD_SLOW,
            "canary",
            [Canary(write_ms=ms) for ms in (4_000, 6_000, 4_000, 900, 4_000)],
            [False, True, True, False, False],
        ),
    ],
)
def test_it_ends_only_when_it_is_well_over(
    code: FaultCode, name: str, readings: list[Any], is_there: list[bool]
) -> None:
    before: dict[FaultCode, str] = {}
    for reading, expected in zip(readings, is_there, strict=True):
        before = faults_of(replace(WELL, **{name: reading}), before)
        assert (code in before) is expected, reading


@given(st.floats(-40, 125), st.lists(st.floats(-2.4, 2.4), max_size=50))
def test_heat_that_wavers_by_a_few_degrees_changes_the_alarm_once_at_most(
    around_c: float, by_c: list[float]
) -> None:
    before: dict[FaultCode, str] = {}
    shown = []
    for delta_c in by_c:
        before = faults_of(replace(WELL, temperature_c=around_c + delta_c), before)
        shown.append(FaultCode.TOO_HOT in before)
    assert sum(one != other for one, other in itertools.pairwise(shown)) <= 1
