from __future__ import annotations

from datetime import datetime

import pytest

from contract.fault import FaultCode
from contract.status import Reported
from edge.core.fault_words import FAULTS, fault_line
from edge.core.status_line import status_line
from edge.core.words import Language


@pytest.mark.parametrize("code", FaultCode)
@pytest.mark.parametrize("language", Language)
def test_every_fault_has_words_and_advice(code: FaultCode, language: Language) -> None:
    words = FAULTS[code]
    assert len(words.found(language)) > 5
    assert len(words.advice(language)) > 10
    assert words.vi != words.en


def test_a_fault_that_this_program_does_not_know_is_shown_as_it_is() -> None:
    assert fault_line("moon_full", Language.VI) == "moon_full"


def test_the_service_managers_line_says_what_is_wrong_in_both_languages() -> None:
    at = datetime.fromisoformat("2026-11-24T17:00:00+07:00")
    report = Reported(
        at=at, boot="b", software="1", board="cabinet-v1", desired_version=7,
        faults=("under_voltage", "moon_full"),
    )  # fmt: skip
    line = status_line(report, link_up=False)
    assert "đang phát: không; lịch số 7; mất kết nối về xã; LỖI: nguồn điện yếu" in line
    assert "on air: nothing; plan 7; link down; FAULT: the supply is too weak" in line
