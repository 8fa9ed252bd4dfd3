from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.ports import ClockTrust
from edge.core.clock_trust import (
    HELD,
    RELEASED_AT,
    SLACK,
    ClockFacts,
    ClockMemory,
    Doubt,
    Standing,
    is_held,
    judge,
    remembered,
)

SYNC, RTC, CELL = ClockTrust.SYNCHRONISED, ClockTrust.RTC, ClockTrust.CELL
SAVED, UNKNOWN = ClockTrust.LAST_SAVED, ClockTrust.UNKNOWN
NOW = RELEASED_AT + timedelta(days=400)
HOUR = timedelta(hours=1)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
WEAK_BATTERY = datetime(2000, 1, 1, tzinfo=UTC)
HOUR_NS = 3600 * 10**9


def facts(
    kernel: ClockTrust,
    at: datetime = NOW,
    saved: datetime | None = NOW - HOUR,
    cell: datetime | None = None,
    *,
    held: bool = False,
) -> ClockFacts:
    return ClockFacts(kernel=kernel, system_at=at, saved_at=saved, cell_at=cell, is_held=held)


JUDGED: dict[str, tuple[ClockFacts, ClockTrust, Doubt]] = {
    "NTP": (facts(SYNC), SYNC, Doubt.NONE),
    "NTP, nothing saved yet": (facts(SYNC, saved=None), SYNC, Doubt.NONE),
    "NTP says earlier than a wrong RTC once did": (
        facts(SYNC, saved=NOW + 9999 * HOUR), SYNC, Doubt.NONE,
    ),
    "NTP of 1970": (facts(SYNC, LONG_AGO), UNKNOWN, Doubt.BEFORE_RELEASE),
    "NTP was there, and nobody set the clock since": (facts(UNKNOWN, held=True), SYNC, Doubt.HELD),
    "an RTC": (facts(RTC), RTC, Doubt.NONE),
    "an RTC, nothing saved yet": (facts(RTC, saved=None), RTC, Doubt.NONE),
    "an RTC a little behind what was saved": (facts(RTC, saved=NOW + SLACK), RTC, Doubt.NONE),
    "an RTC certainly behind": (facts(RTC, saved=NOW + 2 * SLACK), UNKNOWN, Doubt.BEHIND_SAVED),
    "an RTC with an empty battery": (facts(RTC, WEAK_BATTERY), UNKNOWN, Doubt.BEFORE_RELEASE),
    "an RTC at 1970, nothing saved": (
        facts(RTC, LONG_AGO, None), UNKNOWN, Doubt.BEFORE_RELEASE,
    ),
    "an RTC and the cell network": (facts(RTC, cell=NOW + HOUR), RTC, Doubt.NONE),
    "an empty battery and the cell network": (facts(RTC, WEAK_BATTERY, cell=NOW), CELL, Doubt.NONE),
    "the cell network": (facts(UNKNOWN, cell=NOW), CELL, Doubt.NONE),
    "the cell network, while the system is years behind": (
        facts(UNKNOWN, LONG_AGO, cell=NOW), CELL, Doubt.NONE,
    ),
    "a cell network that is behind what was saved": (
        facts(UNKNOWN, cell=NOW - 2 * HOUR), SAVED, Doubt.NOT_VOUCHED,
    ),
    "a cell network of 2004": (
        facts(UNKNOWN, cell=datetime(2004, 1, 1, tzinfo=UTC)), SAVED, Doubt.NOT_VOUCHED,
    ),
    "nothing but what was saved": (facts(UNKNOWN), SAVED, Doubt.NOT_VOUCHED),
    "nothing, and behind what was saved": (
        facts(UNKNOWN, NOW - 2 * HOUR), UNKNOWN, Doubt.BEHIND_SAVED,
    ),
    "nothing at all": (facts(UNKNOWN, saved=None), UNKNOWN, Doubt.NOT_VOUCHED),
    "nothing at all, in 1970": (facts(UNKNOWN, LONG_AGO, None), UNKNOWN, Doubt.BEFORE_RELEASE),
}  # fmt: skip


@pytest.mark.parametrize("case", JUDGED)
def test_trust_is_the_best_that_is_not_certainly_wrong(case: str) -> None:
    known, trust, doubt = JUDGED[case]
    assert judge(known) == Standing(trust=trust, doubt=doubt, is_cell=trust is CELL)


near = st.integers(-(10**5), 10**5).map(lambda minutes: NOW + timedelta(minutes=minutes))
any_time = st.one_of(near, st.just(LONG_AGO), st.just(WEAK_BATTERY))
any_facts = st.builds(
    ClockFacts,
    kernel=st.sampled_from([SYNC, RTC, UNKNOWN]),
    system_at=any_time,
    is_held=st.booleans(),
    cell_at=st.none() | any_time,
    saved_at=st.none() | near,
)


@given(any_facts)
def test_no_time_before_the_release_is_ever_trusted(known: ClockFacts) -> None:
    standing = judge(known)
    taken = known.cell_at if standing.is_cell else known.system_at
    assert taken is not None
    assert not standing.trust.is_trusted or taken >= RELEASED_AT


@given(any_facts)
def test_only_ntp_goes_behind_what_was_saved(known: ClockFacts) -> None:
    standing = judge(known)
    if standing.trust in (RTC, CELL, SAVED) and known.saved_at is not None:
        taken = known.cell_at if standing.is_cell else known.system_at
        assert taken is not None
        assert taken >= known.saved_at - SLACK


def test_this_version_was_not_released_in_the_future() -> None:
    assert datetime.now(UTC) >= RELEASED_AT  # noqa: TID251 - the date is what is tested


# What runs on from a synchronised clock

MEMORY = ClockMemory(saved_at=NOW, boot="a", wall_over_mono_ns=5 * HOUR_NS, mono_ns=HOUR_NS)
HELD_CASES = {
    "at once": ("a", 5 * HOUR_NS, HOUR_NS, True),
    "a day later": ("a", 5 * HOUR_NS, 25 * HOUR_NS, True),
    "too long ago": ("a", 5 * HOUR_NS, HOUR_NS + round(HELD.total_seconds() * 1e9) + HOUR_NS, False),
    "set by hand": ("a", 5 * HOUR_NS + 10**9, 2 * HOUR_NS, False),
    "set back by hand": ("a", 5 * HOUR_NS - 10**9, 2 * HOUR_NS, False),
    "read at two instants": ("a", 5 * HOUR_NS + 10**5, 2 * HOUR_NS, True),
    "another start of the machine": ("b", 5 * HOUR_NS, 2 * HOUR_NS, False),
}  # fmt: skip


@pytest.mark.parametrize("case", HELD_CASES)
def test_a_synchronised_clock_runs_on_until_it_is_set(case: str) -> None:
    boot, wall_over_mono_ns, mono_ns, held = HELD_CASES[case]
    found = is_held(MEMORY, boot=boot, wall_over_mono_ns=wall_over_mono_ns, mono_ns=mono_ns)
    assert found is held


def test_nothing_is_held_without_a_memory() -> None:
    assert not is_held(None, boot="a", wall_over_mono_ns=0, mono_ns=0)
    blank = ClockMemory(saved_at=NOW)
    assert not is_held(blank, boot="", wall_over_mono_ns=0, mono_ns=0)


# What is remembered


def keep(
    memory: ClockMemory | None, trust: ClockTrust, now: datetime, doubt: Doubt = Doubt.NONE
) -> ClockMemory | None:
    standing = Standing(trust=trust, doubt=doubt)
    return remembered(memory, standing, now, boot="b", wall_over_mono_ns=1, mono_ns=2)


@pytest.mark.parametrize("trust", [RTC, CELL])
def test_a_trusted_time_raises_the_bound_and_never_lowers_it(trust: ClockTrust) -> None:
    later = keep(MEMORY, trust, NOW + HOUR)
    assert later == ClockMemory(
        saved_at=NOW + HOUR, boot="a", wall_over_mono_ns=5 * HOUR_NS, mono_ns=HOUR_NS
    )
    assert keep(MEMORY, trust, NOW - HOUR) == MEMORY
    assert keep(None, trust, NOW) == ClockMemory(saved_at=NOW)


def test_ntp_lowers_a_bound_that_a_wrong_clock_has_left() -> None:
    found = keep(MEMORY, SYNC, NOW - HOUR)
    assert found == ClockMemory(saved_at=NOW - HOUR, boot="b", wall_over_mono_ns=1, mono_ns=2)


def test_a_clock_that_runs_on_does_not_vouch_for_itself_anew() -> None:
    found = keep(MEMORY, SYNC, NOW + HOUR, doubt=Doubt.HELD)
    assert found is not None
    assert (found.saved_at, found.boot, found.mono_ns) == (NOW + HOUR, "a", HOUR_NS)


@pytest.mark.parametrize("trust", [SAVED, UNKNOWN])
def test_what_is_not_trusted_is_not_remembered(trust: ClockTrust) -> None:
    assert keep(MEMORY, trust, NOW + 9999 * HOUR) is MEMORY
    assert keep(None, trust, NOW) is None
