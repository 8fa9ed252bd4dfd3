from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.ports import CellTime
from hardware.cell_time import ASK, HALF_A_SECOND, ModemTime, parse_cclk
from hardware.clock import SystemClock
from hardware.simulated.modem import SimulatedModem

FIVE = datetime.fromisoformat("2026-11-24T17:00:00+07:00").astimezone(UTC)

TOLD = {
    '+CCLK: "26/11/24,17:00:00+28"': FIVE,
    '\r\n+CCLK: "26/11/24,10:00:00+00"\r\n\r\nOK\r\n': FIVE,
    'AT+CCLK?\r\r\n+CCLK: "26/11/24,17:00:00+28"\r\n\r\nOK\r\n': FIVE,
    '+CCLK:"26/11/24,05:30:00-18"': FIVE,
    '+CCLK: "26/12/31,23:59:59+28"': datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC),
    '+CCLK: "28/02/29,00:00:00+00"': datetime(2028, 2, 29, tzinfo=UTC),
}


@pytest.mark.parametrize("answer", TOLD)
def test_an_answer_is_an_instant(answer: str) -> None:
    assert parse_cclk(answer) == TOLD[answer] + HALF_A_SECOND


NOT_TOLD = {
    "nothing": "",
    "an error": "\r\n+CME ERROR: 10\r\n",
    "another answer": '\r\n+CSQ: 17,99\r\n\r\nOK\r\n+X: "26/11/24,17:00:00+28"',
    "Quectel before any network": '+CCLK: "80/01/06,00:00:00+00"',
    "the epoch": '+CCLK: "70/01/01,00:00:04+00"',
    "no zone: local or not, nobody knows": '+CCLK: "26/11/24,17:00:00"',
    "a zone in hours": '+CCLK: "26/11/24,17:00:00+7"',
    "a zone that is none": '+CCLK: "26/11/24,17:00:00+96"',
    "a month that is none": '+CCLK: "26/13/24,17:00:00+28"',
    "an hour that is none": '+CCLK: "26/11/24,25:00:00+28"',
    "a day that is none": '+CCLK: "26/02/30,12:00:00+28"',
    "cut off": '+CCLK: "26/11/24,17:00',
    "digits of another script": '+CCLK: "２６/11/24,17:00:00+28"',
    "four digits of a year": '+CCLK: "2026/11/24,17:00:00+28"',
}


@pytest.mark.parametrize("case", NOT_TOLD)
def test_what_is_no_time_is_none(case: str) -> None:
    assert parse_cclk(NOT_TOLD[case]) is None


@given(st.text())
def test_no_answer_ends_anything(answer: str) -> None:
    assert parse_cclk(answer) is None or "+CCLK" in answer


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2069, 12, 31)),  # noqa: DTZ001 - the zone is the test's
    st.integers(-48, 56),
)
def test_what_a_modem_writes_is_read(local: datetime, quarters: int) -> None:
    at = local.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=15 * quarters)))
    answer = f'+CCLK: "{at:%y/%m/%d,%H:%M:%S}{quarters:+03d}"'
    assert parse_cclk(answer) == at.astimezone(UTC) + HALF_A_SECOND


# The port, by whoever answers


class Line:
    """A serial line whose modem answers as told; None: it does not."""

    def __init__(self, host: SystemClock) -> None:
        self._host = host
        self.offset_s: float | None = None

    async def ask(self, line: str) -> str:
        assert line == ASK
        if self.offset_s is None:
            raise TimeoutError("the modem does not answer")
        at = self._host.now() + timedelta(seconds=self.offset_s)
        return f'\r\n+CCLK: "{at:%y/%m/%d,%H:%M:%S}+00"\r\n\r\nOK\r\n'


@pytest.fixture(params=[Line, SimulatedModem], ids=["a line", "the twin"])
def modem(request: Any, clock: SystemClock) -> Any:
    return request.param(clock)


@pytest.fixture
def cell(modem: Any) -> CellTime:
    ask: Callable[[str], Awaitable[str]] = modem.ask
    return ModemTime(ask)


async def test_a_network_that_gives_no_time_gives_none(cell: CellTime) -> None:
    assert await cell.read() is None


@pytest.mark.parametrize("offset_s", [0.0, -3600.0, 86400.0])
async def test_the_networks_time_is_told_to_half_a_second(
    cell: CellTime, modem: Any, clock: SystemClock, offset_s: float
) -> None:
    modem.offset_s = offset_s
    before = clock.now()
    at = await cell.read()
    assert at is not None
    offset = timedelta(seconds=offset_s)
    assert before - HALF_A_SECOND <= at - offset <= clock.now() + HALF_A_SECOND


async def test_it_is_asked_anew_each_time(cell: CellTime, modem: Any) -> None:
    modem.offset_s = 0.0
    assert await cell.read() is not None
    modem.offset_s = None
    assert await cell.read() is None


async def test_the_twin_answers_what_it_does_not_know_as_a_modem_does(clock: SystemClock) -> None:
    assert "ERROR" in await SimulatedModem(clock).ask("AT+DANCE")
