from __future__ import annotations

from typing import Any

import pytest

from contract.ports import ClockTrust
from hardware import judging
from hardware.judging import RelayReading, SoundReading
from hardware.machine import MachineFigures
from hardware.verdict import Verdict, Words, bad, exit_code, good, line_of

PART, FOUND, ADVICE = Words("Thẻ", "Card"), Words("đầy", "full"), Words("xoá bớt", "delete")


@pytest.mark.parametrize(
    ("verdict", "english", "line"),
    [
        (good(PART, FOUND), False, "đạt   Thẻ: đầy"),
        (good(PART, FOUND), True, "ok    Card: full"),
        (bad(PART, FOUND, ADVICE), False, "LỖI   Thẻ: đầy → xoá bớt"),
        (bad(PART, FOUND, ADVICE), True, "FAULT Card: full → delete"),
    ],
)
def test_a_verdict_is_one_line(verdict: Verdict, english: bool, line: str) -> None:
    assert line_of(verdict, english=english) == line


def test_one_fault_makes_the_whole_fail() -> None:
    assert exit_code([good(PART, FOUND)]) == 0
    assert exit_code([good(PART, FOUND), bad(PART, FOUND, ADVICE), good(PART, FOUND)]) == 1


WELL = RelayReading(went_on=True, went_off=True)


@pytest.mark.parametrize(
    ("judge", "reading", "found"),
    [
        (judging.judge_arrester, True, "whole"),
        (judging.judge_pulse, False, "contact open"),
        (judging.judge_sound, SoundReading(heard_out=True), "played to its end"),
        (judging.judge_clock, ClockTrust.SYNCHRONISED, "synchronised by network"),
        (judging.judge_clock, ClockTrust.RTC, "from the RTC"),
        (judging.judge_clock, ClockTrust.CELL, "from the cell network"),
        (judging.judge_disk, 200, "200 MiB free"),
        (judging.judge_memory, 50, "50 MiB free"),
        (judging.judge_temperature, 79.6, "80 °C"),
        (judging.judge_temperature, None, "cannot tell"),
    ],
)
def test_what_is_well_holds(judge: Any, reading: object, found: str) -> None:
    verdict = judge(reading)
    assert verdict.holds
    assert found in verdict.found.en
    assert verdict.advice is None


@pytest.mark.parametrize(
    ("judge", "reading", "found", "advice"),
    [
        (judging.judge_arrester, False, "loop open", "replace it"),
        (judging.judge_arrester, None, "not read", "signal wire"),
        (judging.judge_pulse, True, "stays closed", "short"),
        (judging.judge_sound, SoundReading(heard_out=False, why="deaf"), "(deaf)", "aplay -l"),
        (judging.judge_clock, ClockTrust.LAST_SAVED, "last saved", "battery"),
        (judging.judge_clock, ClockTrust.UNKNOWN, "not known", "timedatectl"),
        (judging.judge_disk, 199, "199 MiB", "larger card"),
        (judging.judge_memory, 49, "49 MiB", "reboot"),
        (judging.judge_temperature, 80.0, "80 °C", "vents"),
        (judging.judge_pins, "GPIO busy", "(GPIO busy)", "systemctl stop loaxa-edge"),
    ],
)
def test_a_fault_comes_with_what_to_do(
    judge: Any, reading: object, found: str, advice: str
) -> None:
    verdict = judge(reading)
    assert not verdict.holds
    assert found in verdict.found.en
    assert advice in verdict.advice.en
    assert verdict.advice.vi != verdict.advice.en


def test_nobody_is_sent_to_stop_an_agent_that_does_not_run() -> None:
    advice = judging.judge_pins("GPIO busy", is_agent_down=True).advice
    assert advice is not None
    assert "sudo" in advice.vi
    assert "systemctl stop" not in advice.vi + advice.en


@pytest.mark.parametrize(
    ("reading", "holds", "found"),
    [
        (WELL, True, "switches on and off"),
        (RelayReading(went_on=True), False, "DOES NOT SWITCH OFF"),
        (RelayReading(went_off=True), False, "does not switch on"),
        (RelayReading(why="busy"), False, "busy"),
    ],
)
def test_a_relay_is_judged_by_what_its_pin_did(
    reading: RelayReading, holds: bool, found: str
) -> None:
    verdict = judging.judge_relay("amp", reading)
    assert verdict.holds is holds
    assert found in verdict.found.en


def test_a_machine_is_judged_by_room_and_heat() -> None:
    figures = MachineFigures(
        cpu_pct=1.0,
        memory_free_mib=20,
        disk_free_mib=9000,
        uptime_s=1,
        sent_bytes=0,
        received_bytes=0,
    )
    assert [verdict.holds for verdict in judging.judge_machine(figures)] == [True, False]


def test_every_trust_has_its_words() -> None:
    assert all(judging.judge_clock(trust).found.vi for trust in ClockTrust)
