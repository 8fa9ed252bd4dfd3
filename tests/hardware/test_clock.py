from __future__ import annotations

import ctypes
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.ports import Clock, ClockTrust
from hardware.clock import STA_UNSYNC, STATUS_OFFSET, SystemClock, trust_of
from hardware.simulated.clock import SimulatedClock

STA_PLL, STA_NANO = 0x0001, 0x2000


class Timex(ctypes.Structure):
    """The first members of `struct timex`, as adjtimex(2) documents them."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
    )


@pytest.fixture(
    params=[SystemClock, lambda: SimulatedClock(SystemClock())], ids=["real", "simulated"]
)
def either(request: Any) -> Clock:
    clock: Clock = request.param()
    return clock


# The same for both


def test_wall_time_is_aware_utc(either: Clock) -> None:
    assert either.now().utcoffset() == timedelta(0)


def test_wall_time_is_the_hosts(either: Clock) -> None:
    before = datetime.now(UTC)  # noqa: TID251 - the clock is what is tested
    assert before <= either.now() <= datetime.now(UTC)  # noqa: TID251


def test_monotonic_time_goes_on(either: Clock) -> None:
    times = [either.mono_ns() for _ in range(100)]
    assert times == sorted(times)


def test_monotonic_time_is_the_one_that_players_are_told(either: Clock, clock: SystemClock) -> None:
    before = clock.mono_ns()
    assert before <= either.mono_ns() <= clock.mono_ns()


def test_trust_is_one_of_the_known_kinds(either: Clock) -> None:
    assert either.trust() in ClockTrust


# The kernel's word


@pytest.mark.parametrize(
    ("status", "from_rtc", "trust"),
    [
        (STA_PLL | STA_NANO, False, ClockTrust.SYNCHRONISED),
        (STA_PLL, True, ClockTrust.SYNCHRONISED),
        (0, False, ClockTrust.SYNCHRONISED),
        (STA_PLL | STA_UNSYNC, True, ClockTrust.RTC),
        (STA_UNSYNC, False, ClockTrust.UNKNOWN),
    ],
)
def test_trust_follows_the_kernels_status(status: int, from_rtc: bool, trust: ClockTrust) -> None:
    assert trust_of(status, from_rtc) is trust


def test_the_kernels_status_is_read_from_its_place(clock: SystemClock) -> None:
    assert Timex.status.offset == STATUS_OFFSET
    assert 0 <= clock.kernel_status() < 0x10000


@pytest.mark.parametrize(("text", "vouches"), [("1\n", True), ("0\n", False), (None, False)])
def test_an_rtc_vouches_when_the_kernel_took_its_time_from_it(
    tmp_path: Path, text: str | None, vouches: bool
) -> None:
    if text is not None:
        (tmp_path / "hctosys").write_text(text)
    clock = SystemClock(tmp_path / "hctosys")
    assert clock.trust() is trust_of(clock.kernel_status(), vouches)


# The simulated twin


@pytest.fixture
def simulated(clock: SystemClock) -> SimulatedClock:
    return SimulatedClock(clock)


def test_a_simulated_clock_knows_nothing_before_it_is_told(simulated: SimulatedClock) -> None:
    assert simulated.trust() is ClockTrust.UNKNOWN


@pytest.mark.parametrize(
    ("synchronised", "rtc", "trust"),
    [
        (True, True, ClockTrust.SYNCHRONISED),
        (True, False, ClockTrust.SYNCHRONISED),
        (False, True, ClockTrust.RTC),
        (False, False, ClockTrust.UNKNOWN),
    ],
)
def test_a_simulated_clock_is_trusted_for_what_vouches_for_it(
    simulated: SimulatedClock, synchronised: bool, rtc: bool, trust: ClockTrust
) -> None:
    simulated.set(offset_s=0.0, synchronised=synchronised, rtc=rtc)
    assert simulated.trust() is trust


def test_an_offset_moves_wall_time_alone(simulated: SimulatedClock, clock: SystemClock) -> None:
    simulated.set(offset_s=-21600.0, synchronised=False, rtc=False)
    before = clock.now()
    assert before <= simulated.now() + timedelta(hours=6) <= clock.now()
    mono_ns = clock.mono_ns()
    assert mono_ns <= simulated.mono_ns() <= clock.mono_ns()
